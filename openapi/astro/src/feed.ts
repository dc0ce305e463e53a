/** Reads the feed of one collection: everything, or what changed since a cursor. */

import type { Article, Broken, Line } from './article.js';
import { ask } from './http.js';
import type { Field, Settings } from './options.js';

export interface Feed {
  /** These are all articles, not changes. */
  isWhole: boolean;
  articles: Article[];
  /** Ids of articles that are there no more. */
  deleted: string[];
  /** All files that the CMS cannot read; undefined when it was not asked, or the token may not know. */
  broken: Broken[] | undefined;
  cursor: string;
}

/**
 * All of the answer or an error. A cursor that the CMS does not know any more leads to everything. A token that may not
 * know of broken files (403), or a CMS from before it told of them (422), leads to an answer without them.
 */
export async function readFeed(settings: Settings, cursor?: string, broken = asksForBroken(settings)): Promise<Feed> {
  const expected = [...(cursor ? [410] : []), ...(broken ? [403, 422] : [])];
  const feed = await ask(request(settings, cursor, broken), expected, async (answer) => {
    if (answer.status === 200) return sort(await readLines(answer), cursor === undefined, broken);
    await answer.body?.cancel();
    return answer.status;
  });
  if (feed === 410) return readFeed(settings, undefined, broken);
  return typeof feed === 'number' ? readFeed(settings, cursor, false) : feed;
}

/** Whether the feed has anything new after the cursor. */
export async function hasNews(settings: Settings, cursor: string): Promise<boolean> {
  return ask(request(settings, cursor), [410], async (answer) => {
    if (answer.status !== 410) return (await readLines(answer)).length > 1;
    await answer.body?.cancel();
    return true;
  });
}

/** Members of the API's articles that entries show as `data.cms`. */
export function extrasOf(settings: Settings): Field[] {
  return settings.fields.filter((field) => field !== 'data' && field !== 'body');
}

function asksForBroken({ token, onBroken }: Settings): boolean {
  return token !== undefined && onBroken !== 'ignore';
}

function request(settings: Settings, cursor?: string, broken = false) {
  const url = new URL(`${settings.url}/api/v1/sync`);
  url.searchParams.set('collection', settings.collection);
  url.searchParams.set('fields', membersOf(settings).join(','));
  if (settings.drafts) url.searchParams.set('drafts', 'true');
  if (broken) url.searchParams.set('broken', 'true');
  if (cursor !== undefined) url.searchParams.set('cursor', cursor);
  return { url, cms: settings.url, token: settings.token };
}

function membersOf(settings: Settings): string[] {
  const hasBody = settings.fields.includes('body');
  // The whole file, where Astro itself is to read it.
  const content =
    settings.render === 'astro' && hasBody ? ['text'] : ['data', 'dates', ...(hasBody ? ['body', 'html', 'headings'] : [])];
  return [...new Set(['path', 'images', ...content, ...extrasOf(settings)])];
}

async function readLines(answer: Response): Promise<Line[]> {
  const lines: Line[] = [];
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  let rest = '';
  for await (const bytes of answer.body ?? []) {
    const parts = (rest + decoder.decode(bytes as Uint8Array, { stream: true })).split('\n');
    rest = parts.pop() ?? '';
    for (const part of parts) lines.push(JSON.parse(part) as Line);
  }
  if (lines.at(-1)?.type !== 'cursor') throw new Error('the answer breaks off');
  return lines;
}

function sort(lines: Line[], isWhole: boolean, asked: boolean): Feed {
  const feed: Feed = { isWhole, articles: [], deleted: [], broken: asked ? [] : undefined, cursor: '' };
  for (const line of lines) {
    if (line.type === 'article') feed.articles.push(line);
    if (line.type === 'deleted' && line.id !== undefined) feed.deleted.push(line.id);
    if (line.type === 'broken') feed.broken?.push(line);
    if (line.type === 'cursor') feed.cursor = line.cursor;
  }
  return feed;
}
