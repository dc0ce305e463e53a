/** Shows edits in `astro dev`: asks the CMS for news and reloads when there is some. Nothing listens for it. */

import type { AstroIntegrationLogger, HookParameters } from 'astro';
import { hasNews } from './feed.js';
import { LOADER, shared } from './shared.js';

type Setup = HookParameters<'astro:server:setup'>;

export function followEdits({ server, refreshContent, logger }: Setup, everyMs: number): void {
  if (!refreshContent) return;
  let isAway = false;
  async function look() {
    try {
      const feeds = [...shared().feeds.values()];
      const news = await Promise.all(feeds.map(({ settings, cursor }) => hasNews(settings, cursor)));
      if (news.includes(true)) {
        await refreshContent!({ loaders: [LOADER] });
        // What a reference to a photo leads to may have changed though no module has.
        server.moduleGraph.invalidateAll();
      }
      isAway = false;
    } catch (error) {
      if (!isAway) tell(logger, error);
      isAway = true;
    }
    if (!isClosed) timer = setTimeout(look, everyMs);
  }
  let isClosed = false;
  let timer = setTimeout(look, everyMs);
  server.httpServer?.once('close', () => {
    isClosed = true;
    clearTimeout(timer);
  });
}

function tell(logger: AstroIntegrationLogger, error: unknown): void {
  logger.warn(`${error instanceof Error ? error.message : error} Edits are shown again when it is back.`);
}
