/**
 * Cuts a body into its lines: JSON by lines (NDJSON), and server-sent events.
 *
 * A line that lies whole in what arrived is handed on where it lies; one that comes in pieces is put together. Lines end
 * with LF or CRLF, the last one also with the body.
 */
import { GrowingBody } from "./growing-body.ts";

export class LineSplitter {
  readonly #maxBytes: number;
  readonly #onLine: (bytes: Uint8Array, start: number, end: number) => void;
  #begun = new GrowingBody();

  /** `onLine` gets `bytes[start, end)` without what ends the line. */
  constructor(maxBytes: number, onLine: (bytes: Uint8Array, start: number, end: number) => void) {
    this.#maxBytes = maxBytes;
    this.#onLine = onLine;
  }

  /** True when no line has begun that has not ended. */
  get isAtBoundary(): boolean {
    return this.#begun.length === 0;
  }

  /** Takes `bytes[start, end)`; the array must stay as it is. The size of a line that is too long, else undefined. */
  push(bytes: Uint8Array, start: number, end: number): number | undefined {
    let at = start;
    while (at < end) {
      const found = bytes.indexOf(LINE_FEED, at);
      const lineEnd = found === -1 || found >= end ? end : found;
      const length = this.#begun.length + lineEnd - at;
      if (length > this.#maxBytes) return length;
      if (lineEnd === end) {
        this.#begun.push(bytes, at, end);
        return undefined;
      }
      if (this.#begun.length === 0) this.#line(bytes, at, lineEnd);
      else {
        this.#begun.push(bytes, at, lineEnd);
        this.end();
      }
      at = lineEnd + 1;
    }
    return undefined;
  }

  /** The body has ended: what is left is a line. */
  end(): void {
    if (this.#begun.length === 0) return;
    const line = this.#begun.whole();
    this.#begun = new GrowingBody();
    this.#line(line, 0, line.length);
  }

  #line(bytes: Uint8Array, start: number, end: number): void {
    this.#onLine(bytes, start, end > start && bytes[end - 1] === CARRIAGE_RETURN ? end - 1 : end);
  }
}

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
