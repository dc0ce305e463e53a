/** What a deploy step tells the CMS once the site is live: up to where the build read its feeds. */

import { writeFile } from 'node:fs/promises';
import type { AstroConfig } from 'astro';
import { shared } from './shared.js';

/** Writes the body of `POST /api/v1/builds` into the cache directory; nothing without collections of the CMS. */
export async function noteBuild({ cacheDir }: AstroConfig): Promise<void> {
  const cursors = [...shared().feeds.values()].map(({ cursor }) => cursor);
  if (cursors.length) await writeFile(new URL('cms-build.json', cacheDir), JSON.stringify({ cursors }));
}
