"""Front matters as people write them, with most of what YAML has."""

from __future__ import annotations

SAMPLES = [
    """title: Cambodia's rivers — a guide
description: "How water moves: a \\u201cshort\\u201d guide, with \\ud83c\\udf89"
date: 2025-06-24
updated: 2025-06-24T10:00:00+07:00
draft: false
order: 10
tags: [water, "rivers & lakes", 'Tonlé Sap', 2024]
author: {name: Sok Dara, url: https://example.org/a?b=c#d}
image: "@/assets/news/photo-1.jpg"
""",
    """# A comment on top
title: >-
  A long title that goes
  over two lines

  and a paragraph
summary: |
  First line
    indented
  last line

links:
  - label: Home
    href: /
  - label: "Docs: all"
    href: '/docs#top'   # where
    children:
    - a
    -
    - - nested
      - list
""",
    """defaults: &defaults
  layout: post
  author: &me
    name: Sokha
    mail: sokha@example.org
post:
  <<: *defaults
  layout: wide
reviewers:
- *me
- name: Dara
  roles: [editor, admin]
other: !!str 2024
empty:
nothing: ~
""",
    """title: 'It''s a "test"'
multi: "one
  two

  three \\
  four\\tfive"
single: 'one

  two'
plain: word word
  more words
  and more
key with spaces: value
"quoted: key": x
'another key': y
? complex
: value of it
? only
""",
    """nav:
    main:
        - title: A
          items:
              - {a: 1, b: [x, y], c: {d: e}}
              - [1, 2.5, -3, 0x1F, 0o17, 1e3, .5, 1_000]
        - title: B
    footer: {left: , right: "", "x":1, ? y : z}
code: |2+
   two spaces kept

fold: >1-
  x

end: yes
""",
    """locale: km
title: ក្រសួង\u200bសុខាភិបាល
excerpt: តើ\u200bអ្វី៖ "ទឹក"
seo: {title: "x", keywords: [a,b , c], robots: index}
video: https://youtu.be/dQw4w9WgXcQ?t=1:30
time: 12:30:45
ratio: 16:9
when: 2024-02-30 10:00:00.5 -3
percent: 50%
email: <a@b.c>
""",
    """recipes:
- name: Amok
  steps:
  - |
    Stir.
    Wait.
  - >
    Fold
    this

    text
  -
    nested: true
  servings: 4
- name: Lok lak
  steps: []
  notes: {}
""",
]
