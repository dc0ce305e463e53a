/** Makes an entry of Astro's store of an article, as Astro's own loader of local files would. */

import { fileURLToPath } from 'node:url';
import type { AstroConfig } from 'astro';
import type { LoaderContext } from 'astro/loaders';
import type { Article } from './article.js';
import { isStored, refOf } from './article.js';
import { CmsError } from './errors.js';
import { extrasOf } from './feed.js';
import { completeUrls, markPhotos, showPhotos } from './html.js';
import { isMdx } from './mdx.js';
import type { Settings } from './options.js';
import { remote } from './photo.js';
import { changeAt } from './pointer.js';

type Data = Record<string, unknown>;
type DataEntry = Parameters<LoaderContext['store']['set']>[0];
type Rendered = NonNullable<DataEntry['rendered']>;

export type Entry = DataEntry & { id: string; filePath: string; legacyId?: string };

/** How Astro reads and renders Markdown files. Loaders are given it by every version, though no type says so. */
interface MarkdownType {
  getEntryInfo(file: { contents: string; fileUrl: URL }): Promise<{ data: Data; body: string }>;
  getRenderFunction(config: AstroConfig): Promise<(entry: Data) => Promise<Rendered>>;
}

/**
 * Gives the function that makes entries; it raises what Astro raises for front matter that the schema refuses. With
 * `mayReuse` it may give the very entry that is in the store, when the file has not changed.
 */
export function entryMaker(context: LoaderContext, settings: Settings, mayReuse: boolean): (article: Article) => Promise<Entry> {
  const isRemote = settings.images === 'remote';
  const extras = extrasOf(settings);
  const hasBody = settings.fields.includes('body');
  const markdown = settings.render === 'astro' && hasBody ? markdownType(context) : undefined;
  // As a local file gives it, and nothing besides.
  const isExact = markdown !== undefined && !isRemote && !extras.length;
  let renderer: ReturnType<MarkdownType['getRenderFunction']> | undefined;

  return async (article) => {
    const { id, text = '' } = article;
    const digest = isExact ? context.generateDigest(text) : article.digest;
    const known = isExact && mayReuse ? (context.store.get(id) as Entry | undefined) : undefined;
    if (known?.digest === digest && known.filePath === article.path) return known;

    const fileUrl = new URL(`./${encodeURI(article.path)}`, context.config.root);
    const filePath = fileURLToPath(fileUrl);
    const file = await markdown?.getEntryInfo({ contents: text, fileUrl });
    const raw = file?.data ?? revived(article);
    if (isRemote) for (const photo of article.images) placeRemote(raw, photo, settings);
    const unparsed = extras.length ? { ...raw, cms: Object.fromEntries(extras.map((name) => [name, article[name]])) } : raw;
    const data = await context.parseData({ id, data: unparsed, filePath });
    const body = file?.body ?? article.body?.trim();
    const entry: Entry = { id, data, filePath: article.path, digest };
    if (settings.legacy) entry.legacyId = article.path.split('/').slice(3).join('/');
    if (!hasBody) return entry;
    if (isMdx(article.path)) return { ...entry, body: body ?? '' };
    if (markdown) {
      renderer ??= markdown.getRenderFunction(context.config);
      entry.rendered = await (await renderer)({ id, data: raw, body, filePath, digest });
      if (isRemote) entry.rendered = withUrls(entry.rendered, article, settings);
    } else {
      entry.rendered = renderedByCms(article, raw, settings);
    }
    return { ...entry, body: body ?? '', assetImports: entry.rendered.metadata?.imagePaths as string[] };
  };
}

function markdownType(context: LoaderContext): MarkdownType {
  const types = (context as unknown as { entryTypes?: Map<string, MarkdownType> }).entryTypes;
  const type = types?.get('.md');
  if (!type?.getRenderFunction) {
    throw new CmsError('This version of Astro does not say how it reads Markdown; use Astro 5, 6 or 7.');
  }
  return type;
}

/** Front matter with its dates as dates. */
function revived({ data = {}, dates = [] }: Article): Data {
  for (const pointer of dates) changeAt(data, pointer, (value) => new Date(value as string));
  return data;
}

function placeRemote(data: Data, photo: Article['images'][number], settings: Settings): void {
  if (photo.field !== null && isStored(photo)) changeAt(data, photo.field, () => remote(photo, settings.url));
}

function renderedByCms(article: Article, data: Data, settings: Settings): Rendered {
  const { headings = [], images } = article;
  const html = article.html ?? '';
  const marked =
    settings.images === 'remote' ? { html: completeUrls(html, images, settings.url), refs: [] } : markPhotos(html, images);
  return { html: marked.html, metadata: { headings, frontmatter: data, imagePaths: marked.refs } };
}

function withUrls({ html, metadata }: Rendered, article: Article, settings: Settings): Rendered {
  const shown = new Set(article.images.filter(isStored).map(refOf));
  const others = metadata?.imagePaths?.filter((ref) => !shown.has(ref));
  return { html: showPhotos(html, article.images, settings.url), metadata: { ...metadata, imagePaths: others ?? [] } };
}
