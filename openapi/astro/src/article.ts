/** What the feed says of an article, typed from the API's description. */

import type { components } from './api.js';

type Schemas = components['schemas'];

export type Photo = Schemas['ArticleImage'];
export type Problem = Schemas['Problem'];

/** A photo that the site of the CMS really has. */
export type StoredPhoto = Photo & { path: string; url: string; sha256: string; bytes: number };

/** An article as the feed has it; members besides these only when asked for. */
export type Article = Schemas['SyncArticle'] & Required<Pick<Schemas['SyncArticle'], 'id' | 'digest' | 'path' | 'images'>>;

/** A file that the CMS cannot read. */
export type Broken = Schemas['SyncBroken'];

export type Line =
  | (Article & { type: 'article' })
  | (Schemas['SyncDeleted'] & { type: 'deleted' })
  | (Schemas['SyncImage'] & { type: 'image' })
  | (Broken & { type: 'broken' })
  | (Schemas['SyncCursor'] & { type: 'cursor' });

/** A reference as Astro has it, without percent-encoding. */
export function refOf({ ref }: Photo): string {
  try {
    return decodeURI(ref);
  } catch {
    return ref;
  }
}

export function isStored(photo: Photo): photo is StoredPhoto {
  return !photo.missing && photo.path !== null && photo.sha256 !== null;
}
