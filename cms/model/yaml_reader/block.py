"""Block nodes: sequences of `- item`, mappings of `key: value`, block scalars, and flow nodes in their place."""

from __future__ import annotations

from cms.model.yaml_guard import Cost
from cms.model.yaml_nodes import Entry, Mapping, Node, Scalar, Sequence
from cms.model.yaml_reader.block_scalars import block_scalar
from cms.model.yaml_reader.flow import flow_collection, flow_content, flow_node
from cms.model.yaml_reader.properties import CORE, Properties, read_properties
from cms.model.yaml_reader.reader import Reader


def block_node(
    reader: Reader, parent: int, *, is_below: bool = False, is_compact: bool = True, is_item: bool = False
) -> Node | None:
    """Read a node of a collection whose column is `parent`; return None where none begins.

    `is_below` says that it may stand on a line below, `is_compact` that a block collection may begin on this line,
    `is_item` that the node belongs to a sequence, whose items stand deeper than its dashes.
    """
    chars = reader.chars
    is_new_line = is_below and chars.separate() > 0
    depth = chars.indent - parent if is_new_line else 1
    props = None
    may_nest = True
    if depth > 0 and chars.text[chars.position] in "!&":
        props = read_properties(chars, reader.handles, is_new_line=is_new_line)
        may_nest = props.ends_line
        if chars.line != props.line:
            is_new_line = True
            depth = chars.indent - parent
    may_nest = may_nest and (is_new_line or is_compact)
    node: Node | None = None
    if depth > 0:
        node = _content(reader, parent, props, may_nest=may_nest)
    elif depth == 0 and not is_item and may_nest and chars.tab < 0 and chars.is_indicator("-"):
        node = _sequence(reader, props)
    return node or (reader.empty_of(props) if props else None)


def _content(reader: Reader, parent: int, props: Properties | None, *, may_nest: bool) -> Node | None:
    """Read what stands behind the properties; `may_nest` says whether it may be a block collection."""
    chars = reader.chars
    indent = parent + 1
    char = chars.text[chars.position]
    if may_nest and chars.tab < 0:
        if chars.is_indicator("-"):
            return _sequence(reader, props)
        return _mapping_or_content(reader, indent, props)
    if char in "[{":
        return flow_collection(reader, indent, props)
    if char in "|>":
        return _block_scalar(reader, indent, props)
    events_before = reader.budget.events
    node = flow_content(reader, indent, props, in_flow=False)
    if props and not may_nest and chars.line == props.line and props.tab < 0 and chars.is_colon_next():
        key = node or reader.empty_of(props)
        mapping = Mapping(key.start, key.end, key.line, None, None, is_flow=False)
        return _read_entries(reader, mapping, props.column, indent, (key, events_before))
    return node


def _mapping_or_content(reader: Reader, indent: int, props: Properties | None) -> Node | None:
    """Read the mapping whose first key stands here, or the node that is no key."""
    chars = reader.chars
    line, column, events_before = chars.line, chars.column, reader.budget.events
    mapping = reader.begin(Mapping, props)
    # Until a colon shows that this is a mapping, its anchor names an empty one.
    reader.anchor(mapping.anchor, mapping, Cost(events=2, height=1))
    if chars.is_indicator("?:"):
        return _read_entries(reader, mapping, column, indent, None)
    node = flow_node(reader, indent, in_flow=False)
    if node is None:
        # js-yaml forgets the properties on the line above a block scalar.
        return _block_scalar(reader, indent, None) if chars.text[chars.position] in "|>" else None
    if chars.line == line and chars.is_colon_next():
        return _read_entries(reader, mapping, column, indent, (node, events_before))
    if props:
        reader.add_properties(node, props)
    return node


def _block_scalar(reader: Reader, indent: int, props: Properties | None) -> Scalar:
    chars = reader.chars
    start, line, style = chars.position, chars.line, chars.text[chars.position]
    text, end = block_scalar(chars, indent)
    return reader.scalar(start, end, line, text, style, props)


def _sequence(reader: Reader, props: Properties | None) -> Sequence:
    """Read the items of the sequence whose first dash stands here."""
    chars = reader.chars
    column = chars.column
    node = reader.begin(Sequence, props)
    reader.open(node)
    while chars.text[chars.position] != "\0":
        chars.check_no_tab()
        if not chars.is_indicator("-"):
            break
        chars.position += 1
        dash_end, dash_line = chars.position, chars.line
        if chars.separate() and chars.indent <= column:
            # Without a look at the column of what follows: a dash further left goes on with this sequence.
            node.items.append(reader.empty(dash_end, dash_line))
            continue
        line = chars.line
        item = block_node(reader, column, is_item=True)
        node.items.append(item or reader.empty(dash_end, dash_line))
        chars.separate()
        chars.check_ended(line, column)
        if chars.indent < column:
            break
    node.end = node.items[-1].end
    reader.close(node)
    return node


def _read_entries(reader: Reader, node: Mapping, column: int, indent: int, first: tuple[Node, int] | None) -> Mapping:
    """Read the entries of a mapping whose keys stand at `column`; return the mapping.

    `first` is its first key, when that has been read as far as the colon, and the events before it.
    """
    chars = reader.chars
    key, events_before = first or (None, None)
    reader.open(node, events_before)
    waiting: Node | None = None  # an explicit key without its value
    while key or chars.text[chars.position] != "\0":
        line = chars.line
        if key is None and waiting is None:
            chars.check_no_tab()
        if key is None and chars.is_indicator("?:"):
            waiting = _read_explicit(reader, column, node, waiting)
        elif key := key or _key(reader, indent):
            if waiting:
                _add_entry(reader, node, waiting, None)
                waiting = None
            _add_entry(reader, node, key, _value(reader, column, is_compact=False))
        else:
            break
        key = None
        chars.separate()
        chars.check_ended(line, column)
        if chars.indent < column:
            break
    if waiting:
        _add_entry(reader, node, waiting, None)
    node.end = max(node.entries[-1].key.end, node.entries[-1].value.end)
    reader.close(node)
    return node


def _read_explicit(reader: Reader, column: int, node: Mapping, waiting: Node | None) -> Node | None:
    """Read a `? key`, or the `: value` of the explicit key that waits for it; return the key that now waits."""
    if reader.chars.text[reader.chars.position] == ":":
        if waiting is None:
            raise reader.chars.error("there is no key before the colon; put quotes around a text that begins with it")
        _add_entry(reader, node, waiting, _value(reader, column, is_compact=True))
        return None
    if waiting:
        _add_entry(reader, node, waiting, None)
    key = _value(reader, column, is_compact=True)
    if isinstance(key, Scalar) and key.text == "<<" and not key.style and key.tag is None:
        key.tag = CORE + "str"  # js-yaml merges only behind an implicit key
    return key


def _value(reader: Reader, column: int, *, is_compact: bool) -> Node:
    """Read the node behind the indicator that stands here."""
    reader.chars.position += 1
    end, line = reader.chars.position, reader.chars.line
    found = block_node(reader, column, is_below=True, is_compact=is_compact)
    return found or reader.empty(end, line)


def _key(reader: Reader, indent: int) -> Node | None:
    """Read an implicit key as far as its colon; return None where no node begins."""
    chars = reader.chars
    line = chars.line
    key = flow_node(reader, indent, in_flow=False)
    if key and (chars.line != line or not chars.is_colon_next()):
        raise chars.error("a line of its own needs `key: value`; put a text of several lines in quotes", line)
    return key


def _add_entry(reader: Reader, node: Mapping, key: Node, value: Node | None) -> None:
    node.entries.append(Entry(key, value or reader.empty(key.end, key.line)))
