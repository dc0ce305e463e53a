// Says what Astro makes of names, with the packages of a site. Standard input: {"packages": folder, …}; for each list
// that is sent, a list is answered: "uris" through `decodeURI` (null: malformed), "texts" through `String`, "slugs"
// through github-slugger.
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';

const { packages, uris = [], texts = [], slugs = [] } = JSON.parse(await text(process.stdin));
const { slug } = await import(pathToFileURL(join(packages, 'github-slugger/index.js')));

const decoded = (uri) => {
  try {
    return decodeURI(uri);
  } catch {
    return null;
  }
};
process.stdout.write(JSON.stringify({ uris: uris.map(decoded), texts: texts.map(String), slugs: slugs.map((one) => slug(one)) }));
