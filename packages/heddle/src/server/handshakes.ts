/**
 * What happens to a connection between accept and its protocol: its first bytes are looked at, TLS is agreed on, and
 * then it is handed on, with its bytes put back and nothing of this left on the socket.
 *
 * Who waits here costs memory and has proved nothing, so that waiting is limited in number and in time. When it is
 * full, the one that waits longest goes if it is slow; otherwise the new one goes. So connections that are opened and
 * say nothing cannot keep others out, and a burst of honest ones still gets through one after the other.
 */
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import { HeddleError, reasonText } from "../call/errors.ts";
import { dropSocket } from "../connection/drop-socket.ts";
import { alpnOf, type ServerTlsOptions } from "../connection/tls.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Timer, Timers } from "../runtime/timer.ts";
import { Peer } from "./peer.ts";
import { SNIFF_BYTES, type Sniffed, sniff } from "./sniff.ts";
import { createTlsGate, rawOf, type TlsGate } from "./tls-gate.ts";
import { turnAway, turnAwayHttp2 } from "./turn-away.ts";

export interface HandshakesOptions {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly tls: ServerTlsOptions | undefined;
  /** So many may be in progress. */
  readonly maxHandshakes: number;
  /** Time for each, TLS included, in ms. */
  readonly timeoutMs: number;
  readonly onHttp2: (socket: Duplex) => void;
  readonly onHttp1: (socket: Duplex) => void;
  /** The last one under way has ended. */
  readonly onIdle: () => void;
  readonly onRefused: (error: HeddleError) => void;
  readonly onPeerError: (error: HeddleError) => void;
}

/** One that waits so long is slow. Two round trips to the other side of the world and a busy processor take less. */
const SLOW_MS = 1000;

export class Handshakes {
  readonly options: HandshakesOptions;
  /** All of them, in the order of arrival. */
  readonly #underWay = new Set<Handshake>();
  /** Those that are in the middle of TLS. */
  readonly #ofSocket = new WeakMap<Duplex, Handshake>();
  #tls: TlsGate | undefined;

  /** Throws `optionInvalid` for TLS settings that cannot be used. */
  constructor(options: HandshakesOptions) {
    this.options = options;
    if (options.tls !== undefined) this.setTls(options.tls);
  }

  get size(): number {
    return this.#underWay.size;
  }

  /** True while plain text is served. */
  get allowsPlaintext(): boolean {
    return this.#tls === undefined || this.#tls.allowPlaintext;
  }

  get speaksTls(): boolean {
    return this.#tls !== undefined;
  }

  /** Other certificates for the connections to come; those that stand keep theirs. Throws `optionInvalid`. */
  setTls(options: ServerTlsOptions): void {
    // All of it anew: a server whose context is only exchanged keeps its session tickets, and with them clients
    // that the new authorities would not let in.
    this.#tls = createTlsGate(options, (secure, failure) => {
      const raw = rawOf(secure);
      const handshake = raw === undefined ? undefined : this.#ofSocket.get(raw);
      if (raw === undefined || handshake === undefined) return void secure.destroy();
      // The socket lives on; what it took to get there need not.
      this.#ofSocket.delete(raw);
      handshake.onSecure(secure, failure);
    });
  }

  begin(socket: Duplex): void {
    const { maxHandshakes, clock, onRefused } = this.options;
    if (this.#underWay.size >= maxHandshakes) {
      const [oldest] = this.#underWay;
      const error = new HeddleError("connectionRefused", {
        reason: `${maxHandshakes} handshakes are in progress`,
      });
      onRefused(error);
      if (oldest === undefined || clock.now() - oldest.sinceMs < SLOW_MS) return dropSocket(socket);
      oldest.destroy();
    }
    const handshake = new Handshake(this, socket);
    this.#underWay.add(handshake);
  }

  /** Starts TLS; `onSecure` of the handshake follows. */
  secure(socket: Duplex, handshake: Handshake): void {
    this.#ofSocket.set(socket, handshake);
    this.#tls?.server.emit("connection", socket);
  }

  ended(handshake: Handshake): void {
    if (this.#underWay.delete(handshake) && this.#underWay.size === 0) this.options.onIdle();
  }

  /** Ends all that are in progress. */
  close(): void {
    for (const handshake of this.#underWay) handshake.destroy();
  }
}

class Handshake {
  readonly sinceMs: number;
  readonly #owner: Handshakes;
  readonly #timer: Timer;
  /** The accepted one, then the one inside TLS. */
  #socket: Duplex;
  #phase: "first bytes" | "TLS" | "first bytes inside TLS" = "first bytes";
  #seen: Uint8Array = NOTHING;
  #over = false;
  readonly #onData = (chunk: Uint8Array) => this.#receive(chunk);
  readonly #onGone = () => this.destroy();

  constructor(owner: Handshakes, socket: Duplex) {
    const { clock, timers, timeoutMs } = owner.options;
    this.#owner = owner;
    this.#socket = socket;
    this.sinceMs = clock.now();
    this.#timer = timers.after(timeoutMs, () => {
      this.#report(`no end of the ${this.#phase} within ${timeoutMs} ms`);
      this.destroy();
    });
    socket.on("error", this.#onGone);
    socket.on("close", this.#onGone);
    this.#listen();
  }

  destroy(): void {
    dropSocket(this.#socket);
    this.#end();
  }

  /** TLS stands, or has failed. */
  onSecure(secure: TLSSocket, failure: unknown): void {
    if (failure !== undefined) {
      const address = new Peer(this.#socket).address;
      dropSocket(secure);
      this.#end();
      if (!isHangUp(failure))
        this.#owner.options.onPeerError(
          new HeddleError("tlsFailed", { address, reason: reasonText(failure) }, { cause: failure }),
        );
      return;
    }
    if (this.#over) return void secure.destroy();
    this.#letGo();
    this.#socket = secure;
    const alpn = alpnOf(secure);
    if (alpn !== undefined) return this.#handOn(alpn === "h2" ? "http2" : "http1");
    this.#phase = "first bytes inside TLS";
    secure.on("error", this.#onGone);
    secure.on("close", this.#onGone);
    this.#listen();
  }

  #listen(): void {
    this.#socket.on("data", this.#onData);
    this.#socket.on("end", this.#onGone);
  }

  #receive(chunk: Uint8Array): void {
    this.#seen = this.#seen.length === 0 ? chunk : Buffer.concat([this.#seen, chunk]);
    const decision = sniff(this.#seen);
    if (decision === undefined && this.#seen.length < SNIFF_BYTES) return;
    this.#decide(decision ?? "unknown");
  }

  #decide(decision: Sniffed): void {
    const socket = this.#socket;
    socket.off("data", this.#onData);
    socket.off("end", this.#onGone);
    socket.pause();
    if (decision === "unknown") {
      // No answer: whatever the peer speaks, it would not understand.
      this.#report(`no protocol of this port begins with ${quoted(this.#seen)}`);
      return this.destroy();
    }
    if (decision === "tls") {
      if (this.#phase !== "first bytes") return this.#refuse("there is TLS inside TLS");
      if (!this.#owner.speaksTls) return this.#refuse("this port speaks plain text, and the client TLS");
      this.#phase = "TLS";
      socket.unshift(this.#seen);
      return this.#owner.secure(socket, this);
    }
    if (this.#phase === "first bytes" && !this.#owner.allowsPlaintext)
      return this.#refuse("this port speaks TLS, and the client plain text", decision);
    socket.unshift(this.#seen);
    this.#letGo();
    this.#handOn(decision);
    // The bytes that were put back come in a tick, when whoever has the socket now listens.
    socket.resume();
  }

  #handOn(protocol: "http1" | "http2"): void {
    const { onHttp1, onHttp2 } = this.#owner.options;
    if (protocol === "http2") onHttp2(this.#socket);
    else onHttp1(this.#socket);
    this.#end();
  }

  #refuse(reason: string, speaks?: "http1" | "http2"): void {
    const { timers } = this.#owner.options;
    this.#report(reason);
    if (speaks === "http2") turnAwayHttp2(this.#socket, reason, timers);
    else turnAway(this.#socket, "400 Bad Request", reason, timers);
  }

  #report(reason: string): void {
    const { address } = new Peer(this.#socket);
    this.#owner.options.onPeerError(new HeddleError("prefaceInvalid", { reason: `${reason} (${address})` }));
  }

  /** Leaves nothing of ours on the socket. */
  #letGo(): void {
    this.#socket.off("error", this.#onGone);
    this.#socket.off("close", this.#onGone);
    this.#seen = NOTHING;
  }

  #end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#timer.cancel();
    this.#seen = NOTHING;
    this.#owner.ended(this);
  }
}

const NOTHING = new Uint8Array(0);

/** The first bytes as text, escaped. */
function quoted(bytes: Uint8Array): string {
  return JSON.stringify(Buffer.from(bytes.subarray(0, SNIFF_BYTES)).toString("latin1"));
}

/** A client that came and went, as port scanners and health checks do. */
function isHangUp(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === "ECONNRESET";
}
