/** Photos in Astro's cache directory: each is fetched once, into a folder named by its digest, under its own name. */

import { createHash } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { AstroConfig, AstroIntegrationLogger } from 'astro';
import { ask } from './http.js';
import type { Settings } from './options.js';
import { forEach } from './pool.js';
import { shared } from './shared.js';
import type { KnownPhoto } from './state.js';

const PARALLEL = 8;
const TELL_EVERY_MS = 2000;

/** The files of the photos, by path below `src/assets`; those that the site has itself are left to it. */
export async function fetchPhotos(
  settings: Settings,
  config: AstroConfig,
  logger: AstroIntegrationLogger,
  photos: Iterable<KnownPhoto>,
): Promise<Map<string, string>> {
  const folder = folderOf(config);
  const files = new Map<string, string>();
  const wanted = new Map<string, KnownPhoto>();
  for (const photo of photos) {
    if (files.has(photo.path) || existsSync(new URL(`src/assets/${photo.path}`, config.root))) continue;
    const file = join(folder, photo.sha256, basename(photo.path));
    files.set(photo.path, file);
    if (!isThere(file, photo.bytes)) wanted.set(file, photo);
  }
  const tell = progress(settings.collection, wanted.size, logger);
  await forEach([...wanted], PARALLEL, async ([file, photo]) => {
    await once(file, () => fetchPhoto(settings, photo, file));
    tell();
  });
  return files;
}

/** Removes the photos that no article shows any more. */
export async function prunePhotos(config: AstroConfig): Promise<void> {
  const folder = folderOf(config);
  if (!existsSync(folder)) return;
  const files = [...shared().photos.values()].flatMap((ofCollection) => [...ofCollection.values()]);
  const digests = new Set(files.map((file) => basename(dirname(file))));
  const unused = (await readdir(folder)).filter((name) => !digests.has(name));
  await Promise.all(unused.map((name) => rm(join(folder, name), { recursive: true })));
}

function folderOf(config: AstroConfig): string {
  return fileURLToPath(new URL('cms/', config.cacheDir));
}

function isThere(file: string, bytes: number): boolean {
  return statSync(file, { throwIfNoEntry: false })?.size === bytes;
}

/** Two collections may want the same photo at the same time. */
function once(file: string, fetchFile: () => Promise<void>): Promise<void> {
  const { fetching } = shared();
  let under = fetching.get(file);
  if (!under) {
    under = fetchFile().finally(() => fetching.delete(file));
    fetching.set(file, under);
  }
  return under;
}

async function fetchPhoto(settings: Settings, photo: KnownPhoto, file: string): Promise<void> {
  const asked = { url: new URL(photo.url, settings.url), cms: settings.url, token: settings.token };
  const bytes = await ask(asked, [], async (answer) => {
    const found = new Uint8Array(await answer.arrayBuffer());
    const digest = createHash('sha256').update(found).digest('hex');
    if (digest !== photo.sha256) throw new Error('its bytes are not those announced; it is being replaced, build again');
    return found;
  });
  await mkdir(dirname(file), { recursive: true });
  const part = `${file}.${process.pid}.part`;
  try {
    await writeFile(part, bytes);
    await rename(part, file);
  } finally {
    await rm(part, { force: true });
  }
}

function progress(collection: string, total: number, logger: AstroIntegrationLogger): () => void {
  let done = 0;
  let told = Date.now();
  return () => {
    done++;
    if (done < total && Date.now() - told < TELL_EVERY_MS) return;
    told = Date.now();
    logger.info(`${collection}: ${done} of ${total} photos fetched`);
  };
}
