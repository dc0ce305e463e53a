import { getCollection, type CollectionEntry } from 'astro:content';

export interface Address {
  locale: string;
  name: string;
}

/** Entries by their slug, as sites on the older API have it. */
export function addressOf(entry: CollectionEntry<'news'>): Address {
  const [locale = '', name = ''] = entry.slug.split('/');
  return { locale, name };
}

export async function newsOf(locale: string): Promise<CollectionEntry<'news'>[]> {
  const news = await getCollection('news', (entry) => !entry.data.draft && addressOf(entry).locale === locale);
  return news.sort((a, b) => b.data.date.valueOf() - a.data.date.valueOf() || a.slug.localeCompare(b.slug));
}
