/** Does `work` for each item, at most `limit` at a time; ends with the first error, after those under way. */
export async function forEach<T>(items: readonly T[], limit: number, work: (item: T) => Promise<void>): Promise<void> {
  const left = items.values();
  let failed = false;
  async function runner() {
    for (const item of left) {
      if (failed) return;
      try {
        await work(item);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  }
  const ended = await Promise.allSettled(Array.from({ length: Math.min(limit, items.length) }, runner));
  for (const one of ended) if (one.status === 'rejected') throw one.reason;
}
