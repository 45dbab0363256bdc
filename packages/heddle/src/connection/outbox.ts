/**
 * The writing end of a stream of messages: writes go through at once while there is room, and wait when the
 * peer's window or the socket is full.
 */
import { QUEUE_LOW_WATER_BYTES } from "../wire/http2/sender.ts";
import type { SessionStream, StreamWriter } from "./session.ts";
import { Waker } from "./waker.ts";

export class Outbox {
  readonly #writer: StreamWriter;
  readonly #stream: SessionStream;
  #closed = false;
  readonly #waker = new Waker();

  constructor(writer: StreamWriter, stream: SessionStream) {
    this.#writer = writer;
    this.#stream = stream;
  }

  /** True once the stream is over: nothing that is written arrives. */
  get closed(): boolean {
    return this.#closed;
  }

  write(flag: number, payload: Uint8Array): void {
    if (this.#closed) return;
    this.#writer.sendMessage(this.#stream, flag, payload, 0, payload.length, false);
    this.#writer.flushSoon();
  }

  /** True while the next message should wait for `room`. */
  get full(): boolean {
    return !this.#closed && this.#stream.queuedBytes >= QUEUE_LOW_WATER_BYTES;
  }

  /** Resolves when the stream takes more, or is over. */
  room(): Promise<void> {
    return this.#waker.waitWhile(() => this.full);
  }

  /** The stream takes more data. */
  onWritable(): void {
    this.#waker.wake();
  }

  /** The stream is over. */
  close(): void {
    this.#closed = true;
    this.onWritable();
  }
}
