/** What a collection remembers between builds. It is kept in Astro's store itself, so that they come and go together. */

import type { MetaStore } from 'astro/loaders';
import type { Article, StoredPhoto } from './article.js';
import { isStored } from './article.js';

export type KnownPhoto = Pick<StoredPhoto, 'path' | 'url' | 'sha256' | 'bytes'>;

export interface State {
  binding: string;
  cursor: string;
  /** The photos of the articles that have some, with the article's id. */
  photos: [id: string, photos: KnownPhoto[]][];
}

const KEY = 'cms';

/** The state that was kept under the same binding, if any. */
export function recall(meta: MetaStore, binding: string): State | undefined {
  const text = meta.get(KEY);
  const state = text === undefined ? undefined : (JSON.parse(text) as State);
  return state?.binding === binding ? state : undefined;
}

export function keep(meta: MetaStore, state: State): void {
  meta.set(KEY, JSON.stringify(state));
}

export function photosOf({ images }: Article): KnownPhoto[] {
  return images.filter(isStored).map(({ path, url, sha256, bytes }) => ({ path, url, sha256, bytes }));
}
