import { getCollection } from 'astro:content';

/** All that entries hold, as a page passes it on to an island, in the order of the store. */
export async function GET() {
  const all = [...(await getCollection('news')), ...(await getCollection('places')), ...(await getCollection('people'))];
  return Response.json(all.filter(({ data }) => !('draft' in data && data.draft)));
}
