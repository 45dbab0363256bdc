/**
 * Drives an HTTP/2 machine with a byte stream: a TCP socket, a TLS socket or an in-memory pipe.
 *
 * What is written during one turn of the event loop leaves at its end, in one write; what fills two TCP
 * segments before that leaves at once. `flushSoon` decides which: the end of the turn is when all promise continuations
 * have run (`process.nextTick` comes after the microtasks that a socket event sets off). While the stream has
 * not taken the last write, data waits in its streams (`sender.corked`), which is what back-pressure is made of.
 */
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { TLSSocket } from "node:tls";
import type { Clock } from "../runtime/clock.ts";
import type { Timers } from "../runtime/timer.ts";
import { reasonText } from "../call/errors.ts";
import type { Http2Connection } from "../wire/http2/connection.ts";
import type { Traffic } from "./traffic.ts";

export interface SocketDriverOptions {
  readonly socket: Duplex;
  readonly machine: Http2Connection;
  readonly clock: Clock;
  readonly timers: Timers;
  /** Where the bytes are counted. Default: nowhere. */
  readonly traffic?: Traffic | undefined;
  /** The stream is gone, once: by its end, an error, or our own `end`. */
  readonly onClose: (reason: string) => void;
  /** Bytes have arrived, and the machine has dealt with them. */
  readonly onReceived?: () => void;
  /** The socket has taken what waited. */
  readonly onRoom?: () => void;
}

export class SocketDriver {
  readonly #socket: Duplex;
  readonly #machine: Http2Connection;
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #traffic: Traffic;
  readonly #onRoom: (() => void) | undefined;
  readonly #onReceived: (() => void) | undefined;
  readonly #onClose: (reason: string) => void;
  /** A socket with an empty queue has given the bytes to the kernel; an in-memory pipe hands them on by reference. */
  readonly #sendsInPlace: boolean;
  /** See `#flushTls`. */
  readonly #isTls: boolean;
  #otherBuffer: Uint8Array | undefined = undefined;
  #flushScheduled = false;
  #closed = false;
  #reason = "closed by the peer";
  readonly #flush = () => {
    this.#flushScheduled = false;
    this.#flushNow();
  };
  readonly #onWritten = () => this.#uncork();

  constructor({ socket, machine, clock, timers, traffic, onReceived, onRoom, onClose }: SocketDriverOptions) {
    this.#socket = socket;
    this.#machine = machine;
    this.#clock = clock;
    this.#timers = timers;
    this.#traffic = traffic ?? { sent: 0, received: 0 };
    this.#onReceived = onReceived;
    this.#onRoom = onRoom;
    this.#onClose = onClose;
    this.#sendsInPlace = socket instanceof Socket;
    this.#isTls = socket instanceof TLSSocket;
    socket.on("data", (chunk: Uint8Array) => this.#receive(chunk));
    socket.on("error", (error) => this.#finish(reasonText(error)));
    socket.on("end", () => {
      this.#finish("closed by the peer");
      socket.destroy();
    });
    socket.on("close", () => this.#finish(this.#reason));
  }

  /** Sends what stands in the machine's output: at the end of this turn, or now when it fills two TCP segments. */
  flushSoon(): void {
    if (this.#machine.out.length >= EARLY_FLUSH_BYTES) return this.#flushNow();
    if (this.#flushScheduled || this.#closed) return;
    this.#flushScheduled = true;
    process.nextTick(this.#flush);
  }

  /** Sends what is left (a GOAWAY) and closes. */
  end(reason: string): void {
    if (this.#closed) return;
    const { out } = this.#machine;
    this.#traffic.sent += out.length;
    if (out.length > 0 && !this.#socket.destroyed) this.#socket.write(out.bytes.slice(0, out.length));
    out.reset();
    this.#socket.end();
    this.#finish(reason);
  }

  /** Gives up the buffers, which grow again with the next call. */
  release(): void {
    this.#otherBuffer = undefined;
    this.#machine.out.release();
  }

  #receive(chunk: Uint8Array): void {
    if (this.#closed) return;
    this.#traffic.received += chunk.length;
    // Plain bytes, not a `Buffer`: views of them reach the application as fields of messages.
    this.#machine.receive(
      new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength),
      this.#clock.now(),
    );
    if (this.#machine.out.length > 0) this.flushSoon();
    this.#onReceived?.();
  }

  #flushNow(): void {
    const machine = this.#machine;
    if (this.#closed || machine.sender.corked) return;
    if (this.#isTls) return this.#flushTls();
    while (machine.out.length > 0) {
      const bytes = this.#sendsInPlace ? machine.out.view() : machine.out.bytes.slice(0, machine.out.length);
      this.#traffic.sent += bytes.length;
      this.#socket.write(bytes, this.#onWritten);
      if (this.#socket.writableLength > 0) {
        // The stream keeps a view of the buffer until it has sent it: the next bytes go into another one.
        if (this.#sendsInPlace) this.#swapBuffer();
        machine.out.reset();
        machine.sender.corked = true;
        return;
      }
      machine.out.reset();
      if (!machine.sender.hasWaiting) return;
      machine.sender.pump();
    }
  }

  /**
   * TLS takes the bytes inside of `write`, encrypted or copied, but says so only later in the turn of the event loop.
   * What comes until then waits in the buffer and leaves in one write.
   */
  #flushTls(): void {
    const { out, sender } = this.#machine;
    while (out.length > 0) {
      if (this.#socket.writableLength > 0) {
        if (out.length >= MAX_TLS_WAITING_BYTES) sender.corked = true;
        return;
      }
      this.#traffic.sent += out.length;
      this.#socket.write(out.view(), this.#onWritten);
      out.reset();
      if (!sender.hasWaiting) return;
      sender.pump();
    }
  }

  /** Two buffers in turn: when the stream takes bytes again, it has let go of the one before. */
  #swapBuffer(): void {
    const { out } = this.#machine;
    const other = this.#otherBuffer ?? new Uint8Array(out.bytes.length);
    this.#otherBuffer = out.bytes;
    out.bytes = other;
  }

  /** Runs for every write; only the last one of a backlog lets data flow again. */
  #uncork(): void {
    const { sender } = this.#machine;
    if (this.#closed || this.#socket.writableLength > 0) return;
    if (!sender.corked) {
      if (this.#isTls && this.#machine.out.length > 0) this.#flushTls();
      return;
    }
    sender.corked = false;
    sender.pump();
    this.#flushNow();
    this.#onRoom?.();
  }

  #finish(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#reason = reason;
    this.#machine.close();
    if (this.#socket.writableEnded && !this.#socket.destroyed) this.#linger();
    else this.#socket.destroy();
    this.#onClose(reason);
  }

  /**
   * Lets the last bytes (a GOAWAY) reach the peer: what it still sends is read and dropped until it closes,
   * for closing with unread bytes would reset the connection. A peer that does not close is not waited for.
   */
  #linger(): void {
    const timer = this.#timers.after(LINGER_MS, () => this.#socket.destroy());
    this.#socket.once("close", () => timer.cancel());
  }
}

/**
 * Two full TCP segments do not wait for the end of the turn: the peer can work on them while we go on. Figures
 * are in docs/internals/decisions/010-early-flush.md.
 */
const EARLY_FLUSH_BYTES = 2800;

/** What waits behind a write that TLS has not confirmed, before data has to wait in its streams. */
const MAX_TLS_WAITING_BYTES = 256 * 1024;

const LINGER_MS = 1000;
