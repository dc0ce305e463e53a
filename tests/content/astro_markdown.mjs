// Renders Markdown as a site does whose packages are in a folder, with the processor of Astro 7 or that of 5 and 6.
// Standard input: {"packages": folder, "bodies": [text, …]}; output: {"html", "headings", "images"} or {"error"} of each.
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';

const { packages, bodies } = JSON.parse(await text(process.stdin));
const load = (path) => import(pathToFileURL(join(packages, path)));
const satteri = await load('@astrojs/markdown-satteri/dist/index.js').catch(() => undefined);
const options = { syntaxHighlight: false };
const processor = satteri
  ? await satteri.createSatteriMarkdownProcessor(options)
  : await (await load('@astrojs/markdown-remark/dist/index.js')).createMarkdownProcessor(options);

const found = [];
for (const body of bodies) {
  try {
    const { code, metadata } = await processor.render(body);
    found.push({ html: code, headings: metadata.headings, images: [...metadata.localImagePaths] });
  } catch (error) {
    found.push({ error: `${error}`.split('\n')[0] });
  }
}
process.stdout.write(JSON.stringify(found));
