/**
 * The messages of an inbox as an async iterator, decoded one by one as their reader asks for them.
 *
 * Not an async generator, for that costs each message three promises and as many turns of the microtask queue; a
 * message that is here already costs one.
 */
import type { Inbox, InboxMessage } from "./inbox.ts";

type Step<T> = IteratorResult<T, undefined>;

export class InboxMessages<T> implements AsyncGenerator<T, undefined, undefined> {
  readonly #inbox: Inbox;
  readonly #open: (message: InboxMessage) => T;
  readonly #onLeave: () => void;
  /** A step that waits for a message; those asked for meanwhile come after it. */
  #waiting: Promise<Step<T>> | undefined = undefined;
  #over = false;

  /** `open` decodes; what it throws ends the iteration. `onLeave` is called once when the reader stops early. */
  constructor(inbox: Inbox, open: (message: InboxMessage) => T, onLeave: () => void = () => {}) {
    this.#inbox = inbox;
    this.#open = open;
    this.#onLeave = onLeave;
  }

  next(): Promise<Step<T>> {
    if (this.#waiting !== undefined) {
      const after = () => this.next();
      return this.#waiting.then(after, after);
    }
    if (this.#over) return Promise.resolve(END);
    try {
      const message = this.#inbox.poll();
      if (message !== undefined) return Promise.resolve({ done: false, value: this.#open(message) });
    } catch (error) {
      return this.throw(error);
    }
    this.#waiting = this.#wait();
    return this.#waiting;
  }

  return(): Promise<Step<T>> {
    this.#leave();
    return Promise.resolve(END);
  }

  throw(error: unknown): Promise<Step<T>> {
    this.#leave();
    // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- it is what was thrown
    return Promise.reject(error);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#leave();
  }

  async #wait(): Promise<Step<T>> {
    try {
      const message = await this.#inbox.next();
      // Who left meanwhile wants no message and no error any more.
      if (this.#over) return END;
      if (message !== undefined) return { done: false, value: this.#open(message) };
    } catch (error) {
      if (this.#over) return END;
      this.#leave();
      throw error;
    } finally {
      this.#waiting = undefined;
    }
    this.#over = true;
    return END;
  }

  #leave(): void {
    if (this.#over) return;
    this.#over = true;
    this.#onLeave();
  }
}

const END: IteratorResult<never, undefined> = { done: true, value: undefined };
