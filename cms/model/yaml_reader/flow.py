"""Flow nodes: plain and quoted scalars, aliases, `[…]` and `{…}`."""

from __future__ import annotations

from cms.model.yaml_nodes import Entry, Mapping, Node, Sequence
from cms.model.yaml_reader.flow_scalars import plain, quoted
from cms.model.yaml_reader.properties import Properties, read_properties
from cms.model.yaml_reader.reader import Reader


def flow_node(reader: Reader, indent: int, *, in_flow: bool) -> Node | None:
    """Read a node of a flow collection, or a key of a block mapping; return None where none begins.

    Its further lines stand at `indent` or deeper.
    """
    chars = reader.chars
    if chars.text[chars.position] not in "!&":
        return flow_content(reader, indent, None, in_flow=in_flow)
    props = read_properties(chars, reader.handles, is_new_line=False)
    is_deeper = chars.line == props.line or chars.indent > indent
    node = flow_content(reader, indent, props, in_flow=in_flow) if is_deeper else None
    return node or reader.empty_of(props)


def flow_content(reader: Reader, indent: int, props: Properties | None, *, in_flow: bool) -> Node | None:
    """Read the content of a flow node behind its properties; return None where there is none."""
    chars = reader.chars
    char = chars.text[chars.position]
    if char in "[{":
        return flow_collection(reader, indent, props)
    if char == "*":
        node = reader.alias()
        if props is not None:
            raise chars.error("an alias has no tag and no anchor of its own; delete what stands before it", node.line)
        return node
    start, line = chars.position, chars.line
    style = char if char in "'\"" else ""
    found = quoted(chars) if style else plain(chars, indent, in_flow=in_flow)
    return found and reader.scalar(start, found[1], line, found[0], style, props)


def flow_collection(reader: Reader, indent: int, props: Properties | None) -> Sequence | Mapping:
    """Read the `[…]` or `{…}` that begins here."""
    chars = reader.chars
    is_mapping = chars.text[chars.position] == "{"
    start, line = (props.start, props.line) if props else (chars.position, chars.line)
    tag, anchor = (props.tag, props.anchor) if props else (None, None)
    kind = Mapping if is_mapping else Sequence
    node: Sequence | Mapping = kind(start, start, line, tag, anchor, is_flow=True)
    opening, first_line = chars.text[chars.position], chars.line
    reader.open(node)
    chars.position += 1
    may_follow = True
    while True:
        chars.separate()
        char = chars.text[chars.position]
        if char == ("}" if is_mapping else "]"):
            break
        if char == "\0":
            raise chars.error(f"the {opening} has no end; add the closing bracket", first_line)
        if not may_follow:
            raise chars.error(_missing_comma(opening))
        if char == ",":
            raise chars.error("a comma follows no value; delete one comma, or put quotes around a text with commas")
        _read_item(reader, indent, node)
        chars.separate()
        may_follow = chars.text[chars.position] == ","
        chars.position += may_follow
    chars.position += 1
    node.end = chars.position
    reader.close(node)
    return node


def _missing_comma(opening: str) -> str:
    closing = "]" if opening == "[" else "}"
    return f"put a comma or {closing} behind the value before, and indent the lines of {opening}…{closing}"


def _read_item(reader: Reader, indent: int, node: Sequence | Mapping) -> None:
    """Read one item of a sequence, which may be a single pair, or one entry of a mapping, and add it to the node."""
    chars = reader.chars
    start, line, events_before = chars.position, chars.line, reader.budget.events
    is_explicit = chars.is_indicator("?")
    if is_explicit:
        chars.position += 1
        chars.separate()
    key_line = chars.line
    key = flow_node(reader, indent, in_flow=True)
    chars.separate()
    key = key or reader.empty(chars.position, chars.line)
    has_value = (is_explicit or chars.line == key_line) and chars.text[chars.position] == ":"
    if isinstance(node, Mapping):
        node.entries.append(Entry(key, _value(reader, indent, has_value=has_value)))
    elif is_explicit or has_value:
        pair = Mapping(start, start, line, None, None, is_flow=True)
        reader.open(pair, events_before)
        value = _value(reader, indent, has_value=has_value)
        pair.entries.append(Entry(key, value))
        pair.end = max(key.end, value.end)
        reader.close(pair)
        node.items.append(pair)
    else:
        node.items.append(key)


def _value(reader: Reader, indent: int, *, has_value: bool) -> Node:
    """Read the value behind a colon; a value that is not there stands where the next token begins."""
    chars = reader.chars
    found = None
    if has_value:
        chars.position += 1
        chars.separate()
        found = flow_node(reader, indent, in_flow=True)
    return found or reader.empty(chars.position, chars.line)
