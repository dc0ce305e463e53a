/** A photo that stays in the CMS: what an entry says of it with `images: "remote"`. */

import { z } from 'astro/zod';
import type { Photo, StoredPhoto } from './article.js';

type Told = 'width' | 'height' | 'alt' | 'caption' | 'credit' | 'copyright' | 'focal_point' | 'placeholder' | 'colour';

/** What a field that names a photo holds. URLs are whole; members are named as in the API. */
export interface RemotePhoto extends Pick<Photo, Told> {
  src: string;
  format: string;
  /** WebP of several widths, for an `<img>`. */
  srcset: string | null;
  /** AVIF of several widths, for a `<source>`. */
  srcset_avif: string | null;
}

/** The schema of such a field, in place of `image()`. */
export const photo = z.object({
  src: z.string(),
  width: z.number().nullable(),
  height: z.number().nullable(),
  format: z.string(),
  alt: z.string().nullable(),
  caption: z.string().nullable(),
  credit: z.string().nullable(),
  copyright: z.string().nullable(),
  focal_point: z.object({ x: z.number(), y: z.number() }).nullable(),
  srcset: z.string().nullable(),
  srcset_avif: z.string().nullable(),
  placeholder: z.string().nullable(),
  colour: z.string().nullable(),
}) satisfies z.ZodType<RemotePhoto>;

export function remote(stored: StoredPhoto, base: string): RemotePhoto {
  const { width, height, alt, caption, credit, copyright, focal_point, placeholder, colour } = stored;
  return {
    src: new URL(stored.url, base).href,
    width,
    height,
    format: stored.format ?? '',
    alt,
    caption,
    credit,
    copyright,
    focal_point,
    srcset: absolute(stored.srcset, base),
    srcset_avif: absolute(stored.srcset_avif, base),
    placeholder,
    colour,
  };
}

/** The `srcset` with whole URLs; those of the CMS have neither spaces nor commas. */
function absolute(srcset: string | null, base: string): string | null {
  const candidates = srcset?.split(', ').map((candidate) => candidate.split(' '));
  return candidates?.map(([url = '', width = '']) => `${new URL(url, base).href} ${width}`).join(', ') ?? null;
}
