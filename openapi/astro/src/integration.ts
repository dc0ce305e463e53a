/** The integration: photos of the CMS in place of local files, edits shown in `astro dev`, schemas for the CMS. */

import { isAbsolute, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { AstroConfig, AstroIntegration } from 'astro';
import { noteBuild } from './built.js';
import { followEdits } from './dev.js';
import { prunePhotos } from './media.js';
import { resolvePhotos, revealSchemas } from './plugins.js';
import { INTEGRATION, shared } from './shared.js';

export interface IntegrationOptions {
  /**
   * The root of the CMS's site, relative to the Astro site's (`"."` when they are the same). `astro sync`, `dev` and
   * `build` then write `src/content/<collection>.schema.json` and `.cms.json` there, so that the site's schema is what
   * editors meet. Default: nothing is written.
   */
  schemas?: string;
  /** How often `astro dev` asks for edits, in milliseconds; `false`: never. Default: 250. */
  poll?: number | false;
}

export default function cms({ schemas, poll = 250 }: IntegrationOptions = {}): AstroIntegration {
  let settled: AstroConfig;
  return {
    name: INTEGRATION,
    hooks: {
      'astro:config:setup': ({ config, updateConfig }) => {
        const root = fileURLToPath(config.root);
        delete shared().cmsSite;
        if (schemas !== undefined) {
          const folder = isAbsolute(schemas) ? schemas : resolve(root, schemas);
          shared().cmsSite = pathToFileURL(`${folder}/`);
        }
        updateConfig({ vite: { plugins: [resolvePhotos(root), revealSchemas(root)] } });
      },
      'astro:config:done': ({ config }) => {
        settled = config;
      },
      'astro:build:done': async () => {
        await prunePhotos(settled);
        await noteBuild(settled);
      },
      'astro:server:setup': (setup) => {
        if (poll !== false) followEdits(setup, poll);
      },
    },
  };
}
