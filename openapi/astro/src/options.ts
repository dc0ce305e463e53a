/** What a site may choose, and what that comes to together with the environment. */

import { createHash } from 'node:crypto';
import type { components } from './api.js';
import { CmsError } from './errors.js';

type Member = keyof components['schemas']['SyncArticle'];

/** A member of the API's articles that entries may hold. */
export type Field = Exclude<Member, 'type' | 'collection' | 'id' | 'path' | 'dates' | 'digest' | 'problems' | 'text'>;

export interface CmsOptions {
  /** The collection in the CMS: the name of a folder below `src/content`. */
  collection: string;
  /** Where the CMS is. Default: the environment's `CMS_URL`, else `http://127.0.0.1:8000`. */
  url?: string;
  /**
   * Who makes HTML of Markdown. `"astro"` (default): Astro's own pipeline with the site's plugins, the same as for
   * local files. `"cms"`: the CMS, which is faster on a first build, but its HTML is its own.
   */
  render?: 'astro' | 'cms';
  /**
   * `"local"` (default): photos are fetched once into Astro's cache directory, and `image()` and Markdown find them
   * there; needs the integration. `"remote"`: photos stay where they are; a field that names one becomes an object
   * with its URL, to be described by `photo` in the schema.
   */
  images?: 'local' | 'remote';
  /**
   * When the CMS cannot be reached: `"fail"` (default) ends the build with an error; `"stale"` builds from the
   * articles and photos of the last build, with a warning.
   */
  offline?: 'fail' | 'stale';
  /**
   * What entries hold. Default: `["data", "body"]`. Without `"body"` there is neither Markdown nor HTML, which keeps
   * pages small that pass whole entries on, as lists do. Other members (`"locale"`, `"slug"`, `"translations"`,
   * `"excerpt"`, …) come as `data.cms`, for the schema to describe.
   */
  fields?: readonly Field[];
  /**
   * What a build does when the CMS holds files of the collection that it cannot read, whose pages are missing:
   * `"warn"` (default) names them with the reasons, `"error"` ends the build, `"ignore"` says nothing. The CMS tells of
   * them only to a token with the scope `articles:read-drafts`.
   */
  onBroken?: 'warn' | 'error' | 'ignore';
  /** Drafts too. Needs a token with the scope `articles:read-drafts`. Default: false. */
  drafts?: boolean;
}

export interface Settings extends Required<CmsOptions> {
  /** From the environment's `CMS_TOKEN`; it is in no option, so that it cannot get into a repository. */
  token: string | undefined;
  /** Astro 5: entries as `type: "content"` collections have them, with `slug` and `render()`. */
  legacy: boolean;
}

const CHOICES = {
  render: ['astro', 'cms'],
  images: ['local', 'remote'],
  offline: ['fail', 'stale'],
  onBroken: ['warn', 'error', 'ignore'],
} as const;

export function settle(options: CmsOptions, legacy: boolean, env: NodeJS.ProcessEnv): Settings {
  const settings: Settings = {
    render: 'astro',
    images: 'local',
    offline: 'fail',
    fields: ['data', 'body'],
    onBroken: 'warn',
    drafts: false,
    ...given(options),
    url: checkedUrl(options.url ?? (env.CMS_URL || 'http://127.0.0.1:8000')),
    token: env.CMS_TOKEN || undefined,
    legacy,
  };
  for (const [name, allowed] of Object.entries(CHOICES)) {
    const value = settings[name as keyof typeof CHOICES];
    if (!(allowed as readonly string[]).includes(value)) {
      throw new CmsError(`cms(): ${name} is "${value}"; it can be ${allowed.map((one) => `"${one}"`).join(' or ')}.`);
    }
  }
  if (!settings.collection) throw new CmsError('cms(): name the collection, as in cms({ collection: "news" }).');
  if (settings.drafts && !settings.token) {
    throw new CmsError('cms(): drafts need a token; set CMS_TOKEN to one with the scope articles:read-drafts.');
  }
  if (settings.onBroken === 'error' && !settings.token) {
    throw new CmsError('cms(): onBroken: "error" needs a token; set CMS_TOKEN to one with the scope articles:read-drafts.');
  }
  return settings;
}

function given(options: CmsOptions): CmsOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as unknown as CmsOptions;
}

function checkedUrl(text: string): string {
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol)) {
    throw new CmsError(`"${text}" is no address of a CMS; set CMS_URL or the option url to one as http://127.0.0.1:8000.`);
  }
  return text.replace(/\/+$/, '');
}

/** Equal for settings under which the same article gives the same entry; bump FORMAT when that changes. */
export function bindingOf({ token, offline, onBroken, ...rest }: Settings): string {
  return createHash('sha256').update(JSON.stringify([FORMAT, rest])).digest('hex').slice(0, 16);
}

const FORMAT = 2;
