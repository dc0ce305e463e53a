/** Vite plugins: photos of the CMS where the site has no file, and a look at the content config's schemas. */

import { existsSync } from 'node:fs';
import { dirname, posix, relative, resolve, sep } from 'node:path';
import { INTEGRATION, shared } from './shared.js';

const ASSETS = 'src/assets/';
const CONFIG = /\/src\/content\.config\.(?:[mc]?[jt]s)$/;

/**
 * Resolves `@/assets/x.jpg`, `~/assets/x.jpg`, `/src/assets/x.jpg`, `src/assets/x.jpg` and relative references to the
 * site's own file or, when there is none, to the one fetched from the CMS.
 */
export function resolvePhotos(root: string) {
  return {
    name: `${INTEGRATION}:photos`,
    enforce: 'pre' as const,
    resolveId(source: string, importer: string | undefined) {
      const [reference = '', query] = source.split('?', 2);
      const key = keyOf(slashed(reference), importer, root);
      if (!key?.startsWith(ASSETS)) return undefined;
      const own = resolve(root, key);
      const file = slashed(existsSync(own) ? own : fetched(key.slice(ASSETS.length)));
      return file && (query === undefined ? file : `${file}?${query}`);
    },
  };
}

/** The path below the site's root that a reference leads to. */
function keyOf(reference: string, importer: string | undefined, root: string): string | undefined {
  const [, below] = /^(?:@\/|~\/|\/?src\/)(.+)$/.exec(reference) ?? [];
  if (below !== undefined) return posix.normalize(`src/${below}`);
  if (/^\.\.?\//.test(reference)) {
    return importer && slashed(relative(root, resolve(dirname(withoutQuery(importer)), reference)));
  }
  const isWhole = reference.startsWith(`${slashed(root).replace(/\/$/, '')}/`);
  return isWhole ? slashed(relative(root, reference)) : undefined;
}

function withoutQuery(id: string): string {
  return id.replace(/\?.*$/s, '');
}

/** A path as Vite writes it. */
function slashed<Path extends string | undefined>(path: Path): Path {
  return path?.split(sep).join('/') as Path;
}

function fetched(path: string): string | undefined {
  for (const files of shared().photos.values()) {
    const file = files.get(path);
    if (file !== undefined) return file;
  }
  return undefined;
}

/** Lets the loaders see the schemas of the collections, which Astro does not tell them. */
export function revealSchemas(root: string) {
  return {
    name: `${INTEGRATION}:schemas`,
    transform(code: string, id: string) {
      if (!shared().cmsSite || !CONFIG.test(withoutQuery(id)) || !resolve(id).startsWith(resolve(root))) return undefined;
      const reveal = `globalThis[Symbol.for(${JSON.stringify(INTEGRATION)})].schemas`;
      const each = `for (const [name, { schema }] of Object.entries(collections)) ${reveal}.set(name, schema);`;
      return { code: `${code}\n${each}\n`, map: null };
    },
  };
}
