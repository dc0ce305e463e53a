/** The loader: `loader: cms({ collection: "news" })` in the content config. */

import type { Loader, LoaderContext } from 'astro/loaders';
import type { Broken } from './article.js';
import { tellBroken } from './broken.js';
import { tellMdx } from './mdx.js';
import type { CmsOptions } from './options.js';
import { bindingOf, settle } from './options.js';
import { exportSchema } from './schema.js';
import { LOADER } from './shared.js';
import { recall } from './state.js';
import { goOn, update } from './update.js';

export type { CmsOptions, Field } from './options.js';
export { CmsError } from './errors.js';
export { photo } from './photo.js';
export type { RemotePhoto } from './photo.js';

/** Loads a collection of the CMS; after the first build only what has changed. */
export function cms(options: CmsOptions): Loader {
  return loaderOf(options, false);
}

/**
 * On Astro 5, the place of `type: "content"` in a collection whose pages use `entry.slug` and `entry.render()`:
 * `defineCollection({ ...legacy({ collection: "news" }), schema })`. Types for the two members come with it.
 */
export function legacy(options: CmsOptions): { loader: Loader } {
  // Astro 5 reads `_legacy` where it writes types and parses front matter, as it does for its own legacy collections.
  return { loader: loaderOf(options, true), _legacy: true } as { loader: Loader };
}

function loaderOf(options: CmsOptions, isLegacy: boolean): Loader {
  return {
    name: LOADER,
    async load(context: LoaderContext) {
      const settings = settle(options, isLegacy, process.env);
      exportSchema(context, settings.collection);
      const known = recall(context.meta, bindingOf(settings));
      let broken: Broken[] | undefined = [];
      try {
        broken = await update(context, settings, known);
      } catch (error) {
        await goOn(context, settings, known, error);
      }
      if (settings.fields.includes('body')) tellMdx(context);
      tellBroken(context, settings, broken);
    },
  };
}
