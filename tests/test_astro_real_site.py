"""What Astro's store holds of a whole site is the same from the CMS as from files, entry by entry, all members."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.astro_site import AstroSite, Package, local_site, make_site
from tests.components import cms_server
from tests.conftest import REAL, copy_site

READ = """
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
const [home, file] = process.argv.slice(1);
const { unflatten } = await import(pathToFileURL(createRequire(home).resolve('devalue')));
const store = unflatten(JSON.parse(readFileSync(file, 'utf8')));
const plain = (key, value) => (value instanceof Map ? [...value].sort() : value);
store.delete('meta');
for (const name of [...store.keys()]) if (name.startsWith('meta:')) store.delete(name);
process.stdout.write(JSON.stringify([...store].sort(), plain));
"""


@pytest.mark.parametrize("version", [5, 7])
def test_the_store_is_the_same_from_the_cms_as_from_files(version: int, package: Package, tmp_path: Path) -> None:
    content = copy_site(REAL, tmp_path / "content")
    names = sorted(path.name for path in (content / "src/content").iterdir() if path.is_dir())
    local = local_site(package, version, "any", tmp_path / "local", content)
    with cms_server(content, tmp_path / "cms.log", "--no-worker") as server:
        site = make_site(package, version, "any", tmp_path / "site", url=server.url)
        site.synced(CMS_TEST_COLLECTIONS=",".join(names))
    local.synced(CMS_TEST_COLLECTIONS=",".join(names))
    expected = entries_of(local)
    assert sum(map(len, expected.values())) > 8
    assert entries_of(site) == expected


def entries_of(site: AstroSite) -> dict[str, dict[str, Any]]:
    arguments = [str(site.folder / "node_modules/astro/package.json"), str(site.cache / "data-store.json")]
    command = [site.node, "--input-type=module", "-e", READ, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    return {collection: dict(entries) for collection, entries in json.loads(done.stdout)}
