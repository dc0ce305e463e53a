import { defineCollection } from 'astro:content';
import { glob } from 'astro/loaders';
import { z } from 'astro/zod';
import { cms } from 'astro-markdown-cms';

const { CMS_URL, CMS_TEST_COLLECTIONS = '' } = process.env;

/** Collections of any site, whatever their front matter. */
export const collections = Object.fromEntries(
  CMS_TEST_COLLECTIONS.split(',').map((collection) => {
    const loader = CMS_URL ? cms({ collection }) : glob({ base: `src/content/${collection}`, pattern: '**/*.md' });
    return [collection, defineCollection({ loader, schema: z.object({}).passthrough() })];
  }),
);
