/** MDX is a program that runs in the site's build. The CMS holds it as text, and so do its entries: without HTML. */

import type { LoaderContext } from 'astro/loaders';

const NAMED = 3;

export function isMdx(path: string): boolean {
  return path.endsWith('.mdx');
}

/** Warns of the entries whose pages have no content. */
export function tellMdx({ collection, logger, store }: LoaderContext): void {
  const paths = store.values().flatMap(({ filePath }) => (filePath && isMdx(filePath) ? [filePath] : []));
  if (!paths.length) return;
  const some = paths.slice(0, NAMED).join(', ') + (paths.length > NAMED ? ', …' : '');
  logger.warn(
    `${collection}: ${paths.length} MDX ${paths.length === 1 ? 'entry has' : 'entries have'} data and body, but no ` +
      `content to render (${some}). Load MDX that the site has itself with glob().`,
  );
}
