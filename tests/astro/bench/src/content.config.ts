import { readFileSync } from 'node:fs';
import { defineCollection } from 'astro:content';
import { glob, type Loader } from 'astro/loaders';
import { z } from 'astro/zod';
import { cms, type CmsOptions } from 'astro-markdown-cms';

const { CMS_URL, CMS_TEST_OPTIONS, CMS_TEST_PREPARED } = process.env;
const options = JSON.parse(CMS_TEST_OPTIONS ?? '{}') as Partial<CmsOptions>;

/** No more than any loader must do: what the CMS tells is read from one local file, and goes to the store. */
function prepared(file: string): Loader {
  return {
    name: 'prepared',
    async load({ store, parseData }) {
      for (const line of readFileSync(file, 'utf8').trimEnd().split('\n').slice(0, -1)) {
        const { id, path, digest, body, html, headings, data: raw } = JSON.parse(line);
        raw.date = new Date(raw.date);
        const data = await parseData({ id, data: raw, filePath: path });
        const metadata = { headings, frontmatter: raw, imagePaths: [] };
        store.set({ id, data, body, filePath: path, digest, rendered: { html, metadata } });
      }
    },
  };
}

function loader(): Loader {
  if (CMS_TEST_PREPARED) return prepared(CMS_TEST_PREPARED);
  return CMS_URL ? cms({ collection: 'news', ...options }) : glob({ base: 'src/content/news', pattern: '**/*.md' });
}

const news = defineCollection({
  loader: loader(),
  schema: z.object({ title: z.string(), date: z.date() }),
});

export const collections = { news };
