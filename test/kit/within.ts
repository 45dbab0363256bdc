/**
 * Waiting in tests: always for something, never for a time, and never for ever. The limits only end a test that hangs: a
 * machine that runs three other things may take ten times as long as an idle one.
 */

/** Resolves with the promise; rejects, naming what was awaited, when it has not settled after `ms`. */
export async function within<T>(promise: Promise<T>, what: string, ms = 30_000): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`${what} did not happen within ${ms} ms`)), ms);
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** Looks again and again until `condition` holds. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
  ms = 30_000,
): Promise<void> {
  const giveUpAt = performance.now() + ms;
  while (!(await condition())) {
    if (performance.now() > giveUpAt) throw new Error(`${what} did not happen within ${ms} ms`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** How a promise ended, as a value. */
export async function outcomeOf<T>(
  promise: Promise<T>,
): Promise<{ readonly value: T } | { readonly error: unknown }> {
  try {
    return { value: await promise };
  } catch (error) {
    return { error };
  }
}
