import { defineCollection } from 'astro:content';
import type { Loader } from 'astro/loaders';
import { z } from 'astro/zod';
import { get } from './cms';

type Line =
  | { type: 'article'; id: string; data: Record<string, unknown>; dates: string[]; html: string; digest: string; [cms: string]: unknown }
  | { type: 'deleted'; id: string }
  | { type: 'cursor'; cursor: string };

const FIELDS = 'locale,slug,data,dates,html,images,translations';

/** Keeps a collection as the CMS has it; after the first build, only what has changed is fetched. */
const fromCms: Loader = {
  name: 'cms',
  async load({ collection, store, meta, parseData, logger }) {
    const feed = `/api/v1/sync?collection=${collection}&fields=${FIELDS}`;
    const cursor = meta.get('cursor');
    const changes = cursor ? await get(`${feed}&cursor=${encodeURIComponent(cursor)}`, 200, 410) : null;
    const isPartial = changes?.status === 200;
    const lines = await linesOf(isPartial ? changes : await get(feed, 200));
    if (!isPartial) store.clear();
    for (const line of lines) {
      if (line.type === 'cursor') meta.set('cursor', line.cursor);
      if (line.type === 'deleted') store.delete(line.id);
      if (line.type !== 'article') continue;
      const { id, data, dates, html, digest, ...cms } = line;
      dates.forEach((pointer) => reviveDate(data, pointer));
      store.set({ id, data: await parseData({ id, data: { ...data, cms } }), digest, rendered: { html } });
    }
    logger.info(`${collection}: ${lines.length - 1} changed, ${store.keys().length} in all`);
  },
};

/** The whole answer, or an error: half an answer must not reach the store. */
async function linesOf(response: Response): Promise<Line[]> {
  const lines: Line[] = [];
  let rest = '';
  for await (const text of response.body!.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + text).split('\n');
    rest = parts.pop()!;
    lines.push(...parts.map((part) => JSON.parse(part)));
  }
  if (lines.at(-1)?.type !== 'cursor') throw new Error('The answer of the CMS breaks off.');
  return lines;
}

function reviveDate(data: Record<string, any>, pointer: string) {
  const keys = pointer.split('/').slice(1).map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));
  const last = keys.pop()!;
  const parent = keys.reduce((value, key) => value[key], data);
  parent[last] = new Date(parent[last]);
}

const photo = z.object({
  field: z.string().nullable(),
  alt: z.string().nullable(),
  path: z.string(),
  url: z.string(),
  sha256: z.string(),
  width: z.number().nullable(),
  height: z.number().nullable(),
});

const about = z.object({
  locale: z.string(),
  slug: z.string(),
  images: z.preprocess((all) => (all as { missing: boolean }[]).filter((image) => !image.missing), z.array(photo)),
  translations: z.array(z.object({ locale: z.string(), id: z.string() })),
});

const news = defineCollection({
  loader: fromCms,
  schema: z.object({ title: z.string(), description: z.string(), date: z.date(), author: z.string(), cms: about }),
});

const places = defineCollection({
  loader: fromCms,
  schema: z.object({
    name: z.string(),
    description: z.string(),
    contact: z.object({ address: z.string(), mapUrl: z.url().optional() }),
    facilities: z.array(z.string()),
    team: z.object({
      title: z.string(),
      member: z.array(z.object({ title: z.string(), name: z.string() })),
    }),
    cms: about,
  }),
});

export const collections = { news, places };
