"""The reader of YAML: what js-yaml 4 makes of a text, as a tree with places.

The build of an Astro site reads front matter with js-yaml, so js-yaml decides what is valid and what it means, also
where the YAML specification says otherwise. `tests/content` asks both about the same texts.

Read in this order: `characters` (lines, indentation, comments), `flow_scalars`, `block_scalars`, `properties` (tags
and anchors), `reader` (nodes, anchors and their cost), `flow`, `block`, `document`. Names are those of YAML 1.2.
"""
