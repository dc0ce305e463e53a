/**
 * What the loaders and the integration tell each other. Astro runs them from two instances of this package, one in
 * Node and one in Vite, so it hangs on `globalThis`.
 */

import type { Settings } from './options.js';

export interface Shared {
  /** By collection: fetched photo files, by the photo's path below `src/assets`. */
  photos: Map<string, Map<string, string>>;
  /** Downloads under way, by target file. */
  fetching: Map<string, Promise<void>>;
  /** By collection: what it is built from and up to where. */
  feeds: Map<string, { settings: Settings; cursor: string }>;
  /** By collection: its schema as the content config has it, a Zod type or a function that gives one. */
  schemas: Map<string, unknown>;
  /** The site of the CMS, where schemas are to be written; unset when they are not. */
  cmsSite?: URL;
}

/** The integration's name. */
export const INTEGRATION = 'astro-markdown-cms';

/** The loader's name, the same for all collections. */
export const LOADER = 'cms';

const KEY = Symbol.for(INTEGRATION);

export function shared(): Shared {
  const holder = globalThis as { [KEY]?: Shared };
  return (holder[KEY] ??= { photos: new Map(), fetching: new Map(), feeds: new Map(), schemas: new Map() });
}
