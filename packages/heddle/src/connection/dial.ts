/**
 * Opens the byte stream to an address, within a time: connects, and shakes hands where TLS is wanted.
 */
import { connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { type Address, parseAddress } from "../call/address.ts";
import { HeddleError, reasonText } from "../call/errors.ts";
import type { Timer, Timers } from "../runtime/timer.ts";
import { dropSocket } from "./drop-socket.ts";
import { ConnectFirst } from "./happy-eyeballs.ts";
import { connectInMemory } from "./memory.ts";
import { type Alpn, alpnOf, type ClientTls, toTlsError } from "./tls.ts";

export interface DialOptions {
  readonly address: string;
  /** Limit for the whole attempt, TLS included, in ms. */
  readonly timeoutMs: number;
  readonly timers: Timers;
  /** Speak TLS. Absent: plain text. */
  readonly tls?: ClientTls | undefined;
  /** What is offered by ALPN. Default: `h2`, then `http/1.1`. */
  readonly alpn?: readonly string[] | undefined;
}

/** A connected stream. */
export interface Dialled {
  readonly socket: Duplex;
  /** What TLS agreed on; undefined without TLS, and when the server names no protocol. */
  readonly alpn: Alpn;
}

export interface Dialing {
  /** Gives the attempt up; `onResult` is not called any more. */
  cancel(): void;
}

/** Calls `onResult` once, never synchronously: with the connected stream, or with `connectFailed` or a TLS error. */
export function dial(options: DialOptions, onResult: (result: Dialled | HeddleError) => void): Dialing {
  return new Attempt(options, onResult);
}

class Attempt implements Dialing {
  readonly #options: DialOptions;
  readonly #onResult: (result: Dialled | HeddleError) => void;
  readonly #timer: Timer;
  #socket: Duplex | undefined;
  /** Of the addresses of a host. */
  #race: ConnectFirst | undefined;
  #phase: "connecting" | "shaking hands" = "connecting";
  #settled = false;

  constructor(options: DialOptions, onResult: (result: Dialled | HeddleError) => void) {
    const { address, timeoutMs, timers } = options;
    this.#options = options;
    this.#onResult = onResult;
    this.#timer = timers.after(timeoutMs, () => {
      const during = this.#phase === "connecting" ? "no answer" : "no end of the TLS handshake";
      this.#fail(`${during} within ${timeoutMs} ms`);
    });
    const parsed = parseAddress(address);
    if (typeof parsed === "string") process.nextTick(() => this.#fail(parsed));
    else if (parsed.kind === "memory") process.nextTick(() => this.#connectInMemory(parsed.name));
    else this.#connect(parsed);
  }

  cancel(): void {
    this.#settle();
  }

  #connectInMemory(name: string): void {
    if (this.#settled) return;
    const socket = connectInMemory(name);
    if (socket === undefined) return this.#fail("nobody listens there in this process");
    this.#connected(socket, "localhost");
  }

  #connect(parsed: Exclude<Address, { kind: "memory" }>): void {
    if (parsed.kind === "tcp") {
      const { host, port } = parsed;
      this.#race = new ConnectFirst({ host, port, timers: this.#options.timers }, (result) => {
        if (result instanceof Error) this.#fail(reasonText(result), result);
        else this.#connected(result, host);
      });
      return;
    }
    const socket: Socket = connect({ path: parsed.path });
    this.#socket = socket;
    const onError = (error: Error) => this.#fail(reasonText(error), error);
    socket.on("error", onError);
    socket.once("connect", () => {
      if (this.#settled) return;
      socket.off("error", onError);
      this.#connected(socket, "localhost");
    });
  }

  #connected(socket: Duplex, host: string): void {
    const { tls } = this.#options;
    if (tls === undefined) return this.#settle({ socket, alpn: undefined });
    this.#phase = "shaking hands";
    const { address, alpn } = this.#options;
    const secure = tls.connect(socket, host, alpn);
    this.#socket = secure;
    const onError = (error: Error) => this.#settle(toTlsError(error, address, tls.nameOf(host)));
    secure.on("error", onError);
    secure.once("secureConnect", () => {
      if (this.#settled) return;
      secure.off("error", onError);
      this.#settle({ socket: secure, alpn: alpnOf(secure) });
    });
  }

  #fail(reason: string, cause?: unknown): void {
    const { address } = this.#options;
    const name = this.#phase === "connecting" ? "connectFailed" : "tlsFailed";
    this.#settle(new HeddleError(name, { address, reason }, { cause }));
  }

  #settle(result?: Dialled | HeddleError): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#timer.cancel();
    this.#race?.cancel();
    if (this.#socket !== undefined && (result === undefined || result instanceof HeddleError))
      dropSocket(this.#socket);
    if (result !== undefined) this.#onResult(result);
  }
}
