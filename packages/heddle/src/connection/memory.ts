/**
 * Connections inside one process: `memory:orders` is an address like any other, with the whole stack on top
 * and a pair of in-memory streams below. For tests, and for several services in one process.
 *
 * Why not `duplexPair` of `node:stream`: it hands bytes over inside the write. The two HTTP/2 machines would
 * then run inside each other, and one would be given bytes in the middle of its own work.
 */
import { Duplex } from "node:stream";

const listeners = new Map<string, (socket: Duplex) => void>();

/** Listens at `memory:name`; false when the name is taken. */
export function listenInMemory(name: string, onConnection: (socket: Duplex) => void): boolean {
  if (listeners.has(name)) return false;
  listeners.set(name, onConnection);
  return true;
}

export function closeInMemory(name: string): void {
  listeners.delete(name);
}

/** Connects to `memory:name`; undefined when nobody listens there. */
export function connectInMemory(name: string): Duplex | undefined {
  const onConnection = listeners.get(name);
  if (onConnection === undefined) return undefined;
  const ours = new MemoryStream();
  const theirs = new MemoryStream();
  ours.other = theirs;
  theirs.other = ours;
  onConnection(theirs);
  return ours;
}

/** One end: what is written arrives at the other in a later tick, and counts as written when it has been read there. */
class MemoryStream extends Duplex {
  /** Itself until it is paired. */
  other: MemoryStream = this;
  #onTaken: (() => void) | undefined;
  #ended = false;

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, done: () => void): void {
    process.nextTick(() => this.other.#deliver(chunk, done));
  }

  override _final(done: () => void): void {
    process.nextTick(() => {
      this.other.#end();
      done();
    });
  }

  /** As a socket's: the other end sees a reset, and what was under way is lost. */
  resetAndDestroy(): this {
    process.nextTick(() =>
      this.other.destroy(Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" })),
    );
    return this.destroy();
  }

  override _read(): void {
    const onTaken = this.#onTaken;
    this.#onTaken = undefined;
    onTaken?.();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this._read();
    process.nextTick(() => this.other.#end());
    done(error);
  }

  #deliver(chunk: Uint8Array, done: () => void): void {
    if (this.destroyed || this.#ended) return done();
    this.#onTaken = done;
    this.push(chunk);
  }

  #end(): void {
    if (this.destroyed || this.#ended) return;
    this.#ended = true;
    this.push(null);
  }
}
