/** Photos in rendered HTML: Astro's markers for files that it is to optimise, and plain `<img>` for URLs. */

import type { Photo } from './article.js';
import { isStored, refOf } from './article.js';
import { remote } from './photo.js';

const MARKER = /__ASTRO_IMAGE_="([^"]+)"/g;
const IMG = /<img [^>]*>/g;
const ATTRIBUTE = /(?<![\w-])([a-z]+)="([^"]*)"/g;

/** HTML of the CMS with its photos as markers, and the references that the markers hold. */
export function markPhotos(html: string, photos: readonly Photo[]): { html: string; refs: string[] } {
  if (!photos.length) return { html, refs: [] };
  const ofBody = photos.filter((photo) => photo.field === null && isStored(photo));
  const byUrl = new Map(ofBody.map((photo) => [photo.url, refOf(photo)]));
  const refs = new Set<string>();
  const seen = new Map<string, number>();
  const marked = html.replace(IMG, (tag) => {
    const { src = '', alt = '', title } = attributesOf(tag);
    const ref = byUrl.get(src);
    if (ref === undefined) return tag;
    refs.add(ref);
    const index = seen.get(ref) ?? 0;
    seen.set(ref, index + 1);
    return `<img __ASTRO_IMAGE_="${quoted({ src: ref, alt, title, index })}">`;
  });
  return { html: marked, refs: [...refs] };
}

/** Astro's HTML with its markers for photos of the CMS as plain `<img>` of their URLs. */
export function showPhotos(html: string, photos: readonly Photo[], base: string): string {
  const byRef = new Map(photos.filter(isStored).map((photo) => [refOf(photo), photo]));
  return html.replace(MARKER, (whole, text: string) => {
    const { src, alt, title } = JSON.parse(unescape(text)) as { src: string; alt?: string; title?: string };
    const photo = byRef.get(src);
    if (!photo) return whole;
    const { src: url, srcset, width, height } = remote(photo, base);
    const said = { src: url, srcset, width, height, alt: alt ?? '', title, loading: 'lazy', decoding: 'async' };
    return Object.entries(said)
      .filter(([, value]) => value !== undefined && value !== null)
      .map(([name, value]) => `${name}="${escape(String(value))}"`)
      .join(' ');
  });
}

/** HTML of the CMS with its own root-relative URLs of photos made whole. */
export function completeUrls(html: string, photos: readonly Photo[], base: string): string {
  const byUrl = new Map(photos.filter(isStored).map((photo) => [photo.url, remote(photo, base)]));
  return html.replace(IMG, (tag) => {
    const photo = byUrl.get(attributesOf(tag).src ?? '');
    if (!photo) return tag;
    const whole = { src: photo.src, srcset: photo.srcset };
    return tag.replace(ATTRIBUTE, (text, name: string) =>
      name === 'src' || name === 'srcset' ? `${name}="${escape(whole[name] ?? '')}"` : text,
    );
  });
}

function attributesOf(tag: string): Record<string, string> {
  return Object.fromEntries([...tag.matchAll(ATTRIBUTE)].map(([, name = '', value = '']) => [name, unescape(value)]));
}

/** JSON that every version of Astro reads back from an attribute, whatever it unescapes there. */
function quoted(value: object): string {
  const text = JSON.stringify(value).replace(/\\"/g, '\\u0022');
  return text.replace(/[&'<>]/g, (c) => `\\u00${c.charCodeAt(0).toString(16)}`).replaceAll('"', '&#x22;');
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;');
}

function unescape(text: string): string {
  const named: Record<string, string> = { amp: '&', quot: '"', lt: '<', gt: '>', apos: "'" };
  return text.replace(/&(?:#x([0-9a-f]+)|#([0-9]+)|([a-z]+));/gi, (whole, hex?: string, decimal?: string, name?: string) => {
    if (name) return named[name] ?? whole;
    return String.fromCodePoint(hex ? parseInt(hex, 16) : Number(decimal));
  });
}
