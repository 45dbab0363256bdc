/**
 * Server-sent events: their names and their data. Ids, and times after which to come again, are for pages.
 *
 * Source: https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 */
import { LineSplitter } from "./line-splitter.ts";

export class EventReader {
  readonly #maxBytes: number;
  readonly #onEvent: (name: string, data: string) => void;
  readonly #lines: LineSplitter;
  #name = "";
  #data: string[] = [];
  #length = 0;
  #isFirst = true;

  /** The data of one event is of `maxBytes` at most. `name` is `message` when the event has none. */
  constructor(maxBytes: number, onEvent: (name: string, data: string) => void) {
    this.#maxBytes = maxBytes;
    this.#onEvent = onEvent;
    this.#lines = new LineSplitter(maxBytes + FIELD_ROOM, (bytes, start, end) => {
      this.#line(TEXT.decode(bytes.subarray(start, end)));
    });
  }

  /** Takes `bytes[start, end)`; the array must stay as it is. The size of what is too long, else undefined. */
  push(bytes: Uint8Array, start: number, end: number): number | undefined {
    const tooLong = this.#lines.push(bytes, start, end);
    return tooLong ?? (this.#length > this.#maxBytes ? this.#length : undefined);
  }

  #line(text: string): void {
    const line = this.#isFirst && text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text;
    this.#isFirst = false;
    if (line === "") return this.#dispatch();
    const colon = line.indexOf(":");
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
    if (field === "event") this.#name = value;
    else if (field === "data" && this.#length <= this.#maxBytes) {
      // With the line break before it: lines without a sign are not for nothing.
      this.#length += value.length + (this.#data.length > 0 ? 1 : 0);
      this.#data.push(value);
    }
  }

  #dispatch(): void {
    const data = this.#data.join("\n");
    const name = this.#name === "" ? "message" : this.#name;
    const isEmpty = this.#data.length === 0;
    const fits = this.#length <= this.#maxBytes;
    this.#name = "";
    // What is too long is told by `push`, of the whole chunk.
    if (!fits) return;
    this.#data = [];
    this.#length = 0;
    if (!isEmpty) this.#onEvent(name, data);
  }
}

/** `data: ` before the data. */
const FIELD_ROOM = 64;
const BYTE_ORDER_MARK = "\ufeff";
const TEXT = new TextDecoder("utf-8", { ignoreBOM: true });
