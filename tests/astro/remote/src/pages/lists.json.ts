import { getCollection } from 'astro:content';

export async function GET() {
  return Response.json({ news: await getCollection('news'), titles: await getCollection('titles') });
}
