/** Says which files of a collection the CMS cannot read: built from local files, the site would have their pages. */

import type { LoaderContext } from 'astro/loaders';
import type { Broken } from './article.js';
import { CmsError } from './errors.js';
import type { Settings } from './options.js';

const NAMED = 20;

/** Warns, or raises an error, as `onBroken` says; `broken` is undefined when the token may not know of such files. */
export function tellBroken({ logger }: LoaderContext, { collection, onBroken }: Settings, broken?: Broken[]): void {
  if (broken === undefined && onBroken === 'error') {
    throw new CmsError(
      `${collection}: onBroken: "error" needs a token that may know of broken files; give the one in CMS_TOKEN the ` +
        'scope articles:read-drafts.',
    );
  }
  if (!broken?.length) return;
  const said = [
    `${collection}: ${broken.length} ${broken.length === 1 ? 'file has' : 'files have'} no page, as the CMS cannot read ` +
      (broken.length === 1 ? 'it:' : 'them:'),
    ...broken.slice(0, NAMED).map(({ path, problems }) => `  ${path}: ${problems[0]?.detail ?? 'no reason is given'}`),
    ...(broken.length > NAMED ? [`  and ${broken.length - NAMED} more; \`cms check\` names all.`] : []),
  ].join('\n');
  if (onBroken === 'error') throw new CmsError(said);
  logger.warn(said);
}
