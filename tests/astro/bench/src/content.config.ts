import { defineCollection } from 'astro:content';
import { glob } from 'astro/loaders';
import { z } from 'astro/zod';
import { cms, type CmsOptions } from 'astro-markdown-cms';

const { CMS_URL, CMS_TEST_OPTIONS } = process.env;
const options = JSON.parse(CMS_TEST_OPTIONS ?? '{}') as Partial<CmsOptions>;

const news = defineCollection({
  loader: CMS_URL ? cms({ collection: 'news', ...options }) : glob({ base: 'src/content/news', pattern: '**/*.md' }),
  schema: z.object({ title: z.string(), date: z.date() }),
});

export const collections = { news };
