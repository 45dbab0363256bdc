/**
 * So many calls at a time and no more, so that one method that has become slow does not take all of a process with it
 * (the compartments of a ship: Nygard, "Release It!"). Beyond it a bounded number may wait, none by default: a queue hides
 * for a while that there is too much to do, and then makes all of it late.
 */
export interface BulkheadOptions {
  /** Inside at a time: 0 or more. */
  readonly maxConcurrent: number;
  /** Waiting at a time. Default 0. */
  readonly maxQueued?: number;
}

/** Somebody who waits for a place. */
export interface Queued {
  /** It has one. */
  onPlace(): void;
}

export class Bulkhead {
  readonly maxConcurrent: number;
  readonly #maxQueued: number;
  readonly #queue = new Set<Queued>();
  #inside = 0;

  constructor({ maxConcurrent, maxQueued = 0 }: BulkheadOptions) {
    if (!(maxConcurrent >= 0)) throw new RangeError(`maxConcurrent must be 0 or more, not ${maxConcurrent}`);
    if (!(maxQueued >= 0)) throw new RangeError(`maxQueued must be 0 or more, not ${maxQueued}`);
    this.maxConcurrent = maxConcurrent;
    this.#maxQueued = maxQueued;
  }

  get inside(): number {
    return this.#inside;
  }

  get queued(): number {
    return this.#queue.size;
  }

  /** Whoever gets a place must `leave`. Those that wait come first. */
  tryEnter(): boolean {
    if (this.#inside >= this.maxConcurrent) return false;
    this.#inside++;
    return true;
  }

  /** False: too many wait already. */
  tryQueue(queued: Queued): boolean {
    if (this.#queue.size >= this.#maxQueued) return false;
    this.#queue.add(queued);
    return true;
  }

  withdraw(queued: Queued): void {
    this.#queue.delete(queued);
  }

  /** A place is free: it goes to the one that has waited longest. */
  leave(): void {
    for (const next of this.#queue) {
      this.#queue.delete(next);
      return next.onPlace();
    }
    this.#inside--;
  }
}
