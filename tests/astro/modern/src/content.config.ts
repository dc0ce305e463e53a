import { defineCollection, reference } from 'astro:content';
import { glob, type Loader } from 'astro/loaders';
import { z } from 'astro/zod';
import { cms, type CmsOptions } from 'astro-markdown-cms';

const { CMS_URL, CMS_TEST_OPTIONS } = process.env;

/** From the CMS or, without CMS_URL, from local files. */
function articles(collection: string): Loader {
  const options = JSON.parse(CMS_TEST_OPTIONS ?? '{}') as Partial<CmsOptions>;
  return CMS_URL ? cms({ collection, ...options }) : glob({ base: `src/content/${collection}`, pattern: '**/*.md' });
}

const news = defineCollection({
  loader: articles('news'),
  schema: ({ image }) =>
    z.object({
      title: z.string(),
      description: z.string(),
      date: z.date(),
      author: z.string(),
      image: image().optional(),
      tags: z.array(z.string()),
      draft: z.boolean().default(false),
    }),
});

const places = defineCollection({
  loader: articles('places'),
  schema: ({ image }) =>
    z.object({
      name: z.string(),
      description: z.string(),
      image: image().optional(),
      contact: z.object({ address: z.string(), mapUrl: z.string().url().optional() }),
      facilities: z.array(z.string()),
      team: z.object({
        title: z.string(),
        description: z.string(),
        member: z.array(
          z.object({
            title: z.string(),
            name: z.string(),
            phoneNumber: z.string().optional(),
            email: z.string().email().optional(),
          }),
        ),
      }),
    }),
});

const people = defineCollection({
  loader: articles('people'),
  schema: ({ image }) =>
    z.object({
      name: z.string(),
      role: z.string(),
      since: z.coerce.date(),
      place: reference('places'),
      gallery: z.array(z.object({ photo: image().refine((photo) => photo !== null), caption: z.string() })).default([]),
    }),
});

export const collections = { news, places, people };
