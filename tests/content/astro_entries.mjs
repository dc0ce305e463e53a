// Loads a collection with Astro's own glob loader into its own store. Standard input: {"packages": folder, "base":
// folder of the collection, "pattern"}; output: {"entries": {id: path}} or {"error"}.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';

const { packages, base, pattern } = JSON.parse(await text(process.stdin));
const load = (path) => import(pathToFileURL(join(packages, path)));
const { glob } = await load('astro/dist/content/loaders/glob.js');
const { MutableDataStore } = await load('astro/dist/content/mutable-data-store.js');
const helpers = ['@astrojs/internal-helpers/dist/frontmatter.js', '@astrojs/markdown-remark/dist/frontmatter.js'];
const { parseFrontmatter } = await load(helpers.find((path) => existsSync(join(packages, path))));

const root = pathToFileURL(`${base}/`);
const store = new MutableDataStore().scopedStore('c');
const nothing = () => undefined;
const markdown = {
  getEntryInfo: async ({ contents }) => ({ data: parseFrontmatter(contents).frontmatter, body: '' }),
};
try {
  await glob({ pattern, base: root }).load({
    collection: 'c',
    config: { root, srcDir: root, legacy: {} },
    store,
    logger: { warn: nothing, error: nothing, info: nothing },
    parseData: async ({ data }) => data,
    generateDigest: (contents) => contents,
    entryTypes: new Map([['.md', markdown]]),
  });
  process.stdout.write(JSON.stringify({ entries: Object.fromEntries(store.values().map((one) => [one.id, one.filePath])) }));
} catch (error) {
  process.stdout.write(JSON.stringify({ error: error.message }));
}
