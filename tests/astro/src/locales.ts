export const locales: Record<string, { name: string; news: string; places: string }> = {
  en: { name: 'English', news: 'News', places: 'Places' },
  km: { name: 'ខ្មែរ', news: 'ព័ត៌មាន', places: 'ទីកន្លែង' },
};

export function pathOf(collection: string, id: string): string {
  const [locale, ...slug] = id.split('/');
  return encodeURI(`/${[locale, collection, ...slug].join('/')}/`);
}

export function dateIn(locale: string, date: Date): string {
  return date.toLocaleDateString(locale, { dateStyle: 'long', timeZone: 'UTC' });
}
