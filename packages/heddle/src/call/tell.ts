/**
 * Calls what a user has given to be told of things. When it throws, what we were doing goes on: its error surfaces
 * as the uncaught exception that it is, in a turn of its own.
 */
export function tell<Args extends readonly unknown[]>(
  callback: (...args: Args) => void,
  ...args: Args
): void {
  try {
    callback(...args);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
