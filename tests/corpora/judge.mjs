// Reads Markdown files as Astro does: front matter by its own parser, ids as its glob loader makes them.
// Standard input: {"packages": folder, "files": [[path below the collection, text], …]}; output: one JSON line a file.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { plain } from '../plain.mjs';

const { packages, files } = JSON.parse(readFileSync(0, 'utf8'));
const load = (path) => import(pathToFileURL(join(packages, path)));
const { getContentEntryIdAndSlug } = await load('astro/dist/content/utils.js');
const { parseFrontmatter } = await load('@astrojs/internal-helpers/dist/frontmatter.js');

const contentDir = new URL('file:///collection/');

const idOf = (path, data) => {
  if (data.slug) return String(data.slug);
  const entry = new URL(`./${encodeURI(path)}`, contentDir);
  return getContentEntryIdAndSlug({ entry, contentDir, collection: '' }).slug;
};

for (const [path, text] of files) {
  let found;
  try {
    const { frontmatter, content } = parseFrontmatter(text);
    found = { data: plain(frontmatter), body: content };
  } catch (error) {
    found = { error: error.reason ?? `${error}`.split('\n')[0] };
  }
  try {
    found.id = idOf(path, found.error === undefined ? parseFrontmatter(text).frontmatter : {});
  } catch (error) {
    found.idError = `${error}`.split('\n')[0];
  }
  console.log(JSON.stringify(found));
}
