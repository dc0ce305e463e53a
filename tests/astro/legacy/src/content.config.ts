import { defineCollection, z, type SchemaContext } from 'astro:content';
import { legacy } from 'astro-markdown-cms';

/** From the CMS or, without CMS_URL, from local files as Astro has read them since its version 2. */
const news = defineCollection({
  ...(process.env.CMS_URL ? legacy({ collection: 'news' }) : { type: 'content' }),
  schema: ({ image }: SchemaContext) =>
    z.object({
      title: z.string(),
      date: z.date(),
      image: image().optional(),
      tags: z.array(z.string()),
      draft: z.boolean().default(false),
    }),
});

const people = defineCollection({
  ...(process.env.CMS_URL ? legacy({ collection: 'people' }) : { type: 'content' }),
  schema: ({ image }: SchemaContext) =>
    z.object({
      name: z.string(),
      since: z.coerce.date(),
      gallery: z.array(z.object({ photo: image(), caption: z.string() })).default([]),
    }),
});

export const collections = { news, people };
