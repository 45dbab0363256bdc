/**
 * The body of one HTTP/1.1 request on its way from a call to undici, which takes a piece when the socket has room.
 *
 * A body that has ended before anybody asked for it is handed over whole, and goes out with its length.
 */
import { Waker } from "./waker.ts";

export class Http1Body implements AsyncIterable<Uint8Array> {
  /** Our side has ended. */
  ended = false;
  /** Bytes that wait to be taken. */
  queuedBytes = 0;
  readonly #onRoom: () => void;
  #chunks: Uint8Array[] = [];
  readonly #waker = new Waker();

  /** `onRoom` is called whenever what waited has been taken. */
  constructor(onRoom: () => void) {
    this.#onRoom = onRoom;
  }

  /** By reference: the bytes must stay as they are. */
  push(bytes: Uint8Array): void {
    if (this.ended || bytes.length === 0) return;
    this.#chunks.push(bytes);
    this.queuedBytes += bytes.length;
    this.#waker.wake();
  }

  end(): void {
    this.ended = true;
    this.#waker.wake();
  }

  /** Nobody wants the rest. */
  cut(): void {
    this.#chunks = [];
    this.queuedBytes = 0;
    this.end();
  }

  /** All that waits, in one piece; undefined for nothing. */
  takeAll(): Uint8Array | undefined {
    const chunks = this.#chunks;
    this.#chunks = [];
    this.queuedBytes = 0;
    return chunks.length > 1 ? Buffer.concat(chunks) : chunks[0];
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    for (;;) {
      const bytes = this.takeAll();
      if (bytes !== undefined) {
        this.#onRoom();
        yield bytes;
      } else if (this.ended) return;
      else await this.#waker.wait();
    }
  }
}
