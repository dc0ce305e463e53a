/** Writes a collection's schema where the CMS reads it, with what JSON Schema cannot say: photos and references. */

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { LoaderContext } from 'astro/loaders';
import { z } from 'astro/zod';
import { shared } from './shared.js';
import { annotate } from './zod.js';

/** Writes `<collection>.schema.json` and `<collection>.cms.json`, if the integration is to and they would change. */
export function exportSchema({ config, logger }: LoaderContext, collection: string): void {
  const { cmsSite, schemas } = shared();
  const made = new URL(`.astro/collections/${collection}.schema.json`, config.root);
  if (!cmsSite || !existsSync(made)) return;
  const folder = new URL('src/content/', cmsSite);
  mkdirSync(folder, { recursive: true });
  const written = [
    write(new URL(`${collection}.schema.json`, folder), readFileSync(made, 'utf8')),
    writeAnnotation(new URL(`${collection}.cms.json`, folder), schemas.get(collection)),
  ];
  if (written.includes(true)) logger.info(`${collection}: the schema was written for the CMS`);
}

/** Photos and references as the site's schema has them; all else in the file is the editors' and stays. */
function writeAnnotation(file: URL, schema: unknown): boolean {
  const existing = existsSync(file) ? readFileSync(file, 'utf8') : '{}';
  const { images: oldImages, references: oldReferences, ...rest } = JSON.parse(existing) as Record<string, unknown>;
  const marks = new Set<unknown>();
  const image = () => {
    const type = z.string();
    marks.add(type);
    return type;
  };
  const type = typeof schema === 'function' ? (schema as (context: { image: unknown }) => unknown)({ image }) : schema;
  const { images, references } = annotate(type, marks);
  const found = { ...(images.length ? { images } : {}), ...(Object.keys(references).length ? { references } : {}), ...rest };
  return Object.keys(found).length > 0 && write(file, JSON.stringify(found, null, 2));
}

function write(file: URL, text: string): boolean {
  const whole = `${text.trimEnd()}\n`;
  if (existsSync(file) && readFileSync(file, 'utf8') === whole) return false;
  writeFileSync(file, whole);
  return true;
}
