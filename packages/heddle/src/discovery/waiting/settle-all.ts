/**
 * Waits for all of them, and throws the first failure afterwards: `Promise.all` would leave the others running behind
 * the back of whoever waits, to be cut off when he goes on.
 */
export async function settleAll(work: Iterable<Promise<unknown>>): Promise<void> {
  const outcomes = await Promise.allSettled(work);
  const failure = outcomes.find((outcome) => outcome.status === "rejected");
  if (failure !== undefined) throw failure.reason;
}
