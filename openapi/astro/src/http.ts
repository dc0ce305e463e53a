/** Requests to the CMS: tried again when that can help, and with errors that say what to do. */

import { setTimeout as pause } from 'node:timers/promises';
import type { Problem } from './article.js';
import { CmsError } from './errors.js';

const PAUSES_MS = [250, 1000, 3000];
const PATIENCE_MS = 30_000;
const PASSING = new Set([408, 425, 429, 500, 502, 503, 504]);

/** On this machine, to code the answer and to decode it takes longer than to send it as it is. */
const LOOPBACK = /^(localhost|127\.[0-9.]+|\[::1\])$/;

export interface Asked {
  url: URL;
  /** Where the CMS is; only there the token goes. */
  cms: string;
  token: string | undefined;
  headers?: Record<string, string>;
}

/** A failure that may pass. */
class Passing extends Error {}

/**
 * What `take` makes of the answer, which has status 200 or one of `expected`. `take` reads it to its end; what it
 * throws, other than a `CmsError`, counts as an answer that broke off, and the request is made again.
 */
export async function ask<T>(asked: Asked, expected: number[], take: (answer: Response) => Promise<T>): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    try {
      const answer = await send(asked);
      if (answer.status === 200 || expected.includes(answer.status)) return await take(answer);
      throw await refusal(asked, answer);
    } catch (error) {
      if (error instanceof CmsError) throw error;
      const wait = PAUSES_MS[attempt];
      if (wait === undefined) throw new CmsError(sentence(asked, error), { cause: error });
      await pause(wait);
    }
  }
}

async function send({ url, cms, token, headers }: Asked): Promise<Response> {
  const own: Record<string, string> = LOOPBACK.test(url.hostname) ? { 'accept-encoding': 'identity' } : {};
  if (token && url.origin === new URL(cms).origin) own.authorization = `Bearer ${token}`;
  const patience = new AbortController();
  const timer = setTimeout(() => patience.abort(new Error(`no answer in ${PATIENCE_MS / 1000} s`)), PATIENCE_MS);
  try {
    return await fetch(url, { headers: { ...headers, ...own }, signal: patience.signal });
  } finally {
    clearTimeout(timer);
  }
}

async function refusal({ url, cms, token }: Asked, answer: Response): Promise<Error> {
  const text = await answer.text();
  const said = `answered ${answer.status} to ${url.pathname}${url.search}: ${detail(text)}`;
  if (PASSING.has(answer.status)) return new Passing(said);
  const hint =
    answer.status === 401 || answer.status === 403
      ? ` ${token ? 'The token in CMS_TOKEN does not do' : 'It wants a token'}; make one with \`cms token create\` and set CMS_TOKEN.`
      : '';
  return new CmsError(`The CMS at ${cms} ${said}${hint}`);
}

function detail(text: string): string {
  try {
    const problem = JSON.parse(text) as Problem;
    return [problem.detail, ...(problem.errors ?? []).map((one) => one.detail)].join(' ');
  } catch {
    return text.slice(0, 200);
  }
}

function sentence({ url, cms }: Asked, error: unknown): string {
  if (error instanceof Passing) return `The CMS at ${cms} ${error.message} It was asked ${PAUSES_MS.length + 1} times.`;
  const cause = (error instanceof Error && error.cause) || error;
  const { code, message } = cause as { code?: string; message?: string };
  return code && url.origin === new URL(cms).origin
    ? `The CMS at ${cms} does not answer (${code}). Is it running, and is CMS_URL right?`
    : `${url.href} could not be fetched: ${code ?? message}.`;
}
