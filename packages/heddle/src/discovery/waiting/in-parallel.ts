/** Runs a task for each item, at most so many at once. Rejects with the first failure; no task is begun after that. */
export async function inParallel<Item>(
  items: readonly Item[],
  limit: number,
  task: (item: Item) => Promise<void>,
): Promise<void> {
  const left = items.values();
  let failed = false;
  const work = async () => {
    for (let next = left.next(); !next.done && !failed; next = left.next()) {
      try {
        await task(next.value);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, work));
}
