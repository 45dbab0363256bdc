/**
 * The writing end of a stream of messages: writes go through at once while there is room, and wait when the
 * peer's window or the socket is full.
 */
import type { Http2Connection } from "../wire/http2/connection.ts";
import { QUEUE_LOW_WATER_BYTES } from "../wire/http2/sender.ts";
import type { Http2Stream } from "../wire/http2/stream.ts";

export class Outbox {
  readonly #machine: Http2Connection;
  readonly #stream: Http2Stream;
  readonly #flushSoon: () => void;
  #closed = false;
  #wake: (() => void) | undefined = undefined;

  constructor(machine: Http2Connection, stream: Http2Stream, flushSoon: () => void) {
    this.#machine = machine;
    this.#stream = stream;
    this.#flushSoon = flushSoon;
  }

  /** True once the stream is over: nothing that is written arrives. */
  get closed(): boolean {
    return this.#closed;
  }

  write(flag: number, payload: Uint8Array): void {
    if (this.#closed) return;
    this.#machine.sendMessage(this.#stream, flag, payload, 0, payload.length, false);
    this.#flushSoon();
  }

  /** True while the next message should wait for `room`. */
  get full(): boolean {
    return !this.#closed && this.#stream.queuedBytes >= QUEUE_LOW_WATER_BYTES;
  }

  /** Resolves when the stream takes more, or is over. */
  async room(): Promise<void> {
    while (this.full) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** The stream takes more data. */
  onWritable(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  /** The stream is over. */
  close(): void {
    this.#closed = true;
    this.onWritable();
  }
}
