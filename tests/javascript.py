"""Front matter as the site's own parser reads it: js-yaml 4, in Node, behind Astro's split."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.components import PACKAGE

READ = """
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
const yaml = createRequire(process.argv[1])('js-yaml');
const plain = (value) => {
  if (value instanceof Date) return { $date: isNaN(value) ? 'invalid' : value.toISOString() };
  if (typeof value === 'number' && !Number.isFinite(value)) return { $number: String(value) };
  if (typeof value === 'bigint' || value instanceof Uint8Array) return { $other: typeof value };
  if (Array.isArray(value)) return value.map(plain);
  if (value && typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
  }
  return value === undefined ? null : value;
};
const read = (text) => {
  const match = /(?:^\\ufeff?|^\\s*\\n)(---|\\+\\+\\+)([\\s\\S]*?\\n)(---|\\+\\+\\+)/.exec(text);
  if (!match) return { value: {} };
  try {
    return { value: plain(yaml.load(match[2]) ?? {}) };
  } catch (error) {
    return { error: error.reason ?? `${error}` };
  }
};
process.stdout.write(JSON.stringify(JSON.parse(readFileSync(0, 'utf8')).map(read)));
"""


def read_in_javascript(node: str, texts: Sequence[str], package: Path = PACKAGE) -> list[dict[str, Any]]:
    """Return for each file's text its `value`, dates as `{"$date": …}`, or the `error` of the site's parser.

    `package` is the folder whose js-yaml reads.
    """
    command = [node, "--input-type=module", "-e", READ, str(package / "package.json")]
    sent = json.dumps(list(texts))
    done = subprocess.run(command, input=sent, capture_output=True, text=True, check=True, timeout=300)
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found
