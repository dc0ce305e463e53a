/** Shows edits in `astro dev`: asks the CMS for news and reloads when there is some. Nothing listens for it. */

import { setTimeout as pause } from 'node:timers/promises';
import type { AstroIntegrationLogger, HookParameters } from 'astro';
import { hasNews } from './feed.js';
import { LOADER, shared } from './shared.js';

type Setup = HookParameters<'astro:server:setup'>;

export function followEdits({ server, refreshContent, logger }: Setup, everyMs: number): void {
  if (!refreshContent) return;
  const closing = new AbortController();
  server.httpServer?.once('close', () => closing.abort());
  const look = async () => {
    if (!(await isBehind())) return;
    await refreshContent({ loaders: [LOADER] });
    // What a reference to a photo leads to may have changed though no module has.
    server.moduleGraph.invalidateAll();
  };
  void repeat(look, everyMs, logger, closing.signal);
}

async function isBehind(): Promise<boolean> {
  const feeds = [...shared().feeds.values()];
  const news = await Promise.all(feeds.map(({ settings, cursor }) => hasNews(settings, cursor)));
  return news.includes(true);
}

/** Tells of the first failure of several in a row. */
async function repeat(work: () => Promise<void>, everyMs: number, logger: AstroIntegrationLogger, signal: AbortSignal): Promise<void> {
  let isAway = false;
  while (await hasPassed(everyMs, signal)) {
    try {
      await work();
      isAway = false;
    } catch (error) {
      if (!isAway) logger.warn(`${error instanceof Error ? error.message : String(error)} Edits are shown again when it is back.`);
      isAway = true;
    }
  }
}

async function hasPassed(ms: number, signal: AbortSignal): Promise<boolean> {
  try {
    return await pause(ms, true, { signal });
  } catch (error) {
    if (signal.aborted) return false;
    throw error;
  }
}
