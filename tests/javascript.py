"""Front matter as the site's own parser reads it: js-yaml 4, in Node, behind Astro's split."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.components import PACKAGE

PLAIN = Path(__file__).with_name("plain.mjs")
READ = """
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
const { plain } = await import(pathToFileURL(process.argv[2]).href);
const yaml = createRequire(process.argv[1])('js-yaml');
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
    command = [node, "--input-type=module", "-e", READ, str(package / "package.json"), str(PLAIN)]
    sent = json.dumps(list(texts))
    done = subprocess.run(command, input=sent, capture_output=True, text=True, check=True, timeout=300)
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found
