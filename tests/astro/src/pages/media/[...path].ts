import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import type { APIRoute } from 'astro';
import { cacheDir } from 'astro:config/server';
import { getCollection } from 'astro:content';
import { get } from '../../cms';

/** The photos that articles show become files of the site, below the path that their URLs have in the CMS. */
export async function getStaticPaths() {
  const articles = [...(await getCollection('news')), ...(await getCollection('places'))];
  const images = articles.flatMap((article) => article.data.cms.images);
  const photos = new Map(images.map((image) => [image.path, image]));
  return [...photos].map(([path, { url, sha256 }]) => ({ params: { path }, props: { url, sha256 } }));
}

export const GET: APIRoute = async ({ props: { url, sha256 } }) => {
  const folder = new URL('photos/', cacheDir);
  const file = new URL(sha256, folder);
  const known = await readFile(file).catch(() => null);
  if (known) return new Response(known);
  const photo = Buffer.from(await (await get(url, 200)).arrayBuffer());
  if (createHash('sha256').update(photo).digest('hex') !== sha256) {
    throw new Error(`The photo ${url} is being replaced; build again.`);
  }
  await mkdir(folder, { recursive: true });
  await writeFile(file, photo);
  return new Response(photo);
};
