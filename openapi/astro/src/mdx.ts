/** MDX is refused: it is a program that runs in the site's build, and the CMS holds text that editors may change. */

import { readdirSync } from 'node:fs';
import type { AstroConfig } from 'astro';
import type { Article } from './article.js';
import { CmsError } from './errors.js';

/** MDX files of the collection that the site has itself, which the CMS would leave out in silence. */
export function refuseMdx(config: AstroConfig, collection: string): void {
  const folder = new URL(`src/content/${collection}/`, config.root);
  refuse(collection, namesBelow(folder).filter((name) => /\.mdx$/i.test(name)));
}

export function refuseMdxArticles(articles: Article[], collection: string): void {
  refuse(collection, articles.map(({ path }) => path).filter((path) => /\.mdx$/i.test(path)));
}

function namesBelow(folder: URL): string[] {
  try {
    return readdirSync(folder, { recursive: true, encoding: 'utf8' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

function refuse(collection: string, names: string[]): void {
  if (!names.length) return;
  throw new CmsError(
    `The collection ${collection} has MDX (${names.slice(0, 3).join(', ')}), which the CMS does not hold: MDX runs in ` +
      'the build, and articles are text. Rename the files to .md, or keep them in a collection of their own with glob().',
  );
}
