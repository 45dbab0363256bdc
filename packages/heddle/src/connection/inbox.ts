/**
 * The messages that arrive on one stream, until their reader asks for them.
 *
 * A message counts against the stream's window until the reader comes back for the next one: that is how a
 * slow reader slows its writer. One exception: while the reader waits, or has nothing whole to read, pieces of
 * a message in the making are let through, or a message larger than the window would never become whole.
 */
import { ENVELOPE_BYTES, type EnvelopeFault, EnvelopeReader } from "../wire/envelope-reader.ts";
import { SMALL_BYTES, SmallMessages } from "./small-messages.ts";
import { Waker } from "./waker.ts";

/** A message that has arrived: `bytes[start, end)`. */
export interface InboxMessage {
  readonly flag: number;
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
}

export interface InboxOptions {
  readonly maxMessageBytes: number;
  /** Gives `bytes` of window back to the peer. */
  readonly take: (bytes: number) => void;
}

export class Inbox {
  readonly #take: (bytes: number) => void;
  readonly #reader: EnvelopeReader;
  #messages: (InboxMessage | SmallMessages)[] = [];
  /** Position in `#messages`: shifting a long array each time costs more than a number. */
  #at = 0;
  /** Bytes received and not given back. */
  #owed = 0;
  /** The part of it that belongs to the message which the reader has in hand. */
  #owedInHand = 0;
  /** Bytes of the message in the making that have been given back already. */
  #ahead = 0;
  #ended = false;
  #error: Error | undefined = undefined;
  readonly #waker = new Waker();

  constructor({ maxMessageBytes, take }: InboxOptions) {
    this.#take = take;
    this.#reader = new EnvelopeReader(maxMessageBytes, (flag, bytes, start, end) =>
      this.#add(flag, bytes, start, end),
    );
  }

  /** True when no message is half received: the stream may end. */
  get isAtBoundary(): boolean {
    return this.#reader.isAtBoundary;
  }

  push(bytes: Uint8Array, start: number, end: number): EnvelopeFault | undefined {
    this.#owed += end - start;
    const fault = this.#reader.push(bytes, start, end);
    if (this.#at < this.#messages.length) this.#waker.wake();
    else this.#takeAhead();
    return fault;
  }

  /** No more will come: the reader gets what is here, then the end or `error`. */
  end(error?: Error): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    this.#waker.wake();
  }

  /** The stream was cut: what has not been read is dropped, the reader gets `error` at once. */
  cut(error: Error): void {
    this.#ended = true;
    this.#error = error;
    this.#messages = [];
    this.#at = 0;
    this.#waker.wake();
  }

  /** The next message; undefined at the end. Rejects with the error the stream ended with. */
  async next(): Promise<InboxMessage | undefined> {
    for (;;) {
      const message = this.poll();
      if (message !== undefined) return message;
      if (this.#error !== undefined) throw this.#error;
      if (this.#ended) return undefined;
      this.#takeAhead();
      await this.#waker.wait();
    }
  }

  /** The next message, if one is here. The reader has no more use for the one before. */
  poll(): InboxMessage | undefined {
    this.#give(this.#owedInHand);
    this.#owedInHand = 0;
    if (this.#at === this.#messages.length) return undefined;
    const message = this.#removeFirst();
    const size = message.end - message.start + ENVELOPE_BYTES;
    const covered = Math.min(size, this.#ahead);
    this.#ahead -= covered;
    this.#owedInHand = size - covered;
    return message;
  }

  /** Keeps a message that has arrived; when a few wait already, small ones share a block. */
  #add(flag: number, bytes: Uint8Array, start: number, end: number): void {
    const messages = this.#messages;
    if (end - start >= SMALL_BYTES || messages.length - this.#at < FEW) {
      messages.push({ flag, bytes, start, end });
      return;
    }
    const last = messages.at(-1);
    if (last instanceof SmallMessages && last.add(flag, bytes, start, end)) return;
    const small = new SmallMessages();
    small.add(flag, bytes, start, end);
    messages.push(small);
  }

  #removeFirst(): InboxMessage {
    const first = this.#messages[this.#at] as InboxMessage | SmallMessages;
    let message: InboxMessage;
    if (first instanceof SmallMessages) {
      message = first.take();
      if (!first.isEmpty) return message;
    } else message = first;
    this.#at++;
    if (this.#at === this.#messages.length) {
      this.#messages = [];
      this.#at = 0;
    } else if (this.#at >= MANY_READ && this.#at * 2 >= this.#messages.length) {
      // A reader that never quite catches up must not keep what it has read.
      this.#messages.splice(0, this.#at);
      this.#at = 0;
    }
    return message;
  }

  /** Only a message in the making is here: let the rest of it come. */
  #takeAhead(): void {
    const pending = this.#owed - this.#owedInHand;
    this.#ahead += pending;
    this.#give(pending);
  }

  #give(bytes: number): void {
    if (bytes === 0) return;
    this.#owed -= bytes;
    this.#take(bytes);
  }
}

/** Messages that wait as they came. Those of one read of the socket are as many at most, unless they are tiny. */
const FEW = 1024;

/** Places of messages that were read, before the array is shortened. */
const MANY_READ = 16;
