/** Brings a collection up to date. The store is touched only when all that it needs is at hand. */

import type { LoaderContext } from 'astro/loaders';
import type { Article, Broken } from './article.js';
import type { Entry } from './entry.js';
import { entryMaker } from './entry.js';
import { CmsError } from './errors.js';
import type { Feed } from './feed.js';
import { readFeed } from './feed.js';
import { fetchPhotos } from './media.js';
import type { Settings } from './options.js';
import { bindingOf } from './options.js';
import { forEach } from './pool.js';
import { INTEGRATION, shared } from './shared.js';
import type { State } from './state.js';
import { keep, photosOf } from './state.js';

const PARALLEL = 10;

/** Returns the files that the CMS cannot read; undefined when it does not tell. */
export async function update(
  context: LoaderContext,
  settings: Settings,
  known: State | undefined,
): Promise<Broken[] | undefined> {
  const { collection, logger, store, meta } = context;
  const feed = await readFeed(settings, known?.cursor);
  const state = advance(settings, known, feed);
  const files = await filesOf(context, settings, state);
  const entries = await entriesOf(context, settings, feed.articles, known !== undefined);

  // From here on nothing can fail and nothing waits, so that Astro cannot save half of it.
  const changed = entries.filter((entry) => entry !== store.get(entry.id));
  for (const id of gone(store.keys(), feed)) store.delete(id);
  if (!known) store.clear();
  for (const entry of changed) put(context, entry);
  keep(meta, state);
  publish(context, settings, state, files);
  logger.info(`${collection}: ${changed.length} changed, ${store.keys().length} in all`);
  return feed.broken;
}

/** After a failure: builds from what the last build left, if that is wanted and possible; else raises it again. */
export async function goOn(context: LoaderContext, settings: Settings, known: State | undefined, error: unknown): Promise<void> {
  if (settings.offline !== 'stale' || !known || !(error instanceof CmsError)) throw error;
  const files = await filesOf(context, settings, known);
  publish(context, settings, known, files);
  context.logger.warn(`${error.message} Building from what was there before: ${context.store.keys().length} articles.`);
}

function advance(settings: Settings, known: State | undefined, feed: Feed): State {
  const photos = new Map(feed.isWhole ? [] : known?.photos);
  for (const id of feed.deleted) photos.delete(id);
  for (const article of feed.articles) {
    const shown = photosOf(article);
    if (shown.length) photos.set(article.id, shown);
    else photos.delete(article.id);
  }
  return { binding: bindingOf(settings), cursor: feed.cursor, photos: [...photos] };
}

function gone(ids: string[], { isWhole, articles, deleted }: Feed): string[] {
  if (!isWhole) return deleted;
  const there = new Set(articles.map(({ id }) => id));
  return ids.filter((id) => !there.has(id));
}

async function filesOf(context: LoaderContext, settings: Settings, state: State): Promise<Map<string, string>> {
  if (settings.images === 'remote') return new Map();
  const photos = state.photos.flatMap(([, shown]) => shown);
  const { config, logger } = context;
  if (photos.length && !config.integrations.some(({ name }) => name === INTEGRATION)) {
    throw new CmsError(
      'The articles show photos: add the integration to astro.config, `import cms from "astro-markdown-cms/integration"` ' +
        'and `integrations: [cms()]`, or leave photos where they are with cms({ images: "remote" }).',
    );
  }
  return fetchPhotos(settings, config, logger, photos);
}

async function entriesOf(context: LoaderContext, settings: Settings, articles: Article[], mayReuse: boolean): Promise<Entry[]> {
  const make = entryMaker(context, settings, mayReuse);
  const entries: Entry[] = [];
  await forEach([...articles.entries()], PARALLEL, async ([index, article]) => {
    entries[index] = await make(article);
  });
  return entries;
}

function put({ store }: LoaderContext, entry: Entry): void {
  // The store ignores an entry whose digest it knows.
  if (store.get(entry.id)?.digest === entry.digest) store.delete(entry.id);
  store.set(entry);
}

function publish({ collection, store }: LoaderContext, settings: Settings, state: State, files: Map<string, string>): void {
  const { photos, feeds } = shared();
  photos.set(collection, files);
  feeds.set(collection, { settings, cursor: state.cursor });
  // Astro 5 forgets between builds which photos entries import.
  const adding = store as typeof store & { addAssetImports(imports: string[], filePath: string): void };
  for (const { assetImports, filePath } of store.values()) {
    if (assetImports?.length && filePath) adding.addAssetImports(assetImports, filePath);
  }
}
