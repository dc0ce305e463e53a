import { defineCollection } from 'astro:content';
import { z } from 'astro/zod';
import { cms, photo, type CmsOptions } from 'astro-markdown-cms';

const options = JSON.parse(process.env.CMS_TEST_OPTIONS ?? '{}') as Partial<CmsOptions>;

/** Photos stay in the CMS, and entries hold what the CMS knows besides. */
const news = defineCollection({
  loader: cms({
    collection: 'news',
    images: 'remote',
    fields: ['data', 'body', 'locale', 'slug', 'translations', 'excerpt'],
    ...options,
  }),
  schema: z.object({
    title: z.string(),
    date: z.date(),
    image: photo.optional(),
    cms: z.object({
      locale: z.string(),
      slug: z.string(),
      translations: z.array(z.object({ locale: z.string(), id: z.string() })),
      excerpt: z.string(),
    }),
  }),
});

/** For lists: front matter and no body. */
const titles = defineCollection({
  loader: cms({ collection: 'news', images: 'remote', fields: ['data'] }),
  schema: z.object({ title: z.string(), date: z.date() }),
});

export const collections = { news, titles };
