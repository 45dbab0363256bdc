/**
 * Lets one who must not go on yet sleep until somebody says that things have changed. A writer sleeps until there is
 * room, a reader until something is here.
 */
export class Waker {
  #wake: (() => void) | undefined = undefined;

  /** Resolves at the next `wake`. One at a time may wait. */
  wait(): Promise<void> {
    return new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
  }

  /** Resolves when `mustWait` is false, which is looked at now and at each `wake`. */
  async waitWhile(mustWait: () => boolean): Promise<void> {
    while (mustWait()) await this.wait();
  }

  /** Without anybody who waits it does nothing, and is not remembered. */
  wake(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}
