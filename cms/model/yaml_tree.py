"""The YAML of a front matter as a tree of nodes that know where they stand in the text."""

from __future__ import annotations

from cms.model.yaml_guard import YamlLimits, check_text
from cms.model.yaml_nodes import Alias, Entry, Mapping, Node, Scalar, Sequence, Tree
from cms.model.yaml_reader.document import read_document

__all__ = ["Alias", "Entry", "Mapping", "Node", "Scalar", "Sequence", "Tree", "parse"]


def parse(text: str, limits: YamlLimits) -> Tree:
    """Return the tree of `text`, its spans being indices into `text`; raise `Invalid` for what is not YAML or too much.

    js-yaml's reading decides, not the YAML specification: the site's build reads the same text with it.
    """
    check_text(text, limits)
    return read_document(text, limits)
