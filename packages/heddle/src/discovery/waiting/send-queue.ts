/** The sending half of a stream as a queue: pushed from anywhere, read by the transport, ended once. */
export interface SendQueue<T> extends AsyncIterable<T> {
  push(message: T): void;
  /** Ends the stream once what was pushed has been read. */
  end(): void;
}

export function createSendQueue<T>(): SendQueue<T> {
  const waiting: T[] = [];
  let ended = false;
  let wake = () => {};

  return {
    push(message) {
      if (ended) return;
      waiting.push(message);
      wake();
    },
    end() {
      ended = true;
      wake();
    },
    async *[Symbol.asyncIterator]() {
      for (;;) {
        for (let message = waiting.shift(); message !== undefined; message = waiting.shift()) yield message;
        if (ended) return;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}
