/** The schema of a photo with `images: "remote"`. */

import { z } from 'astro/zod';

/** In place of `image()`: what a field that names a photo of the CMS then holds. */
export const photo = z.object({
  src: z.string(),
  width: z.number().nullable(),
  height: z.number().nullable(),
  format: z.string(),
  alt: z.string().nullable(),
  srcset: z.string().nullable(),
  placeholder: z.string().nullable(),
  colour: z.string().nullable(),
});
