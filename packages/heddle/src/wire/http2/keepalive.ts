/**
 * When to ask a silent peer whether it is still there, and when to believe that it is not.
 *
 * A socket whose other end has lost power, or whose route drops packets, looks like one whose peer is busy. A
 * PING that stays unanswered tells them apart. Anything that arrives counts as an answer.
 *
 * A peer must not be annoyed: gRPC's servers close the connection ("too_many_pings") of a client that sends more
 * than two PINGs without data in between at a distance below what they permit, 5 minutes by default. So two in a
 * row go out at the wanted distance, the following ones at what the peer permits (`SETTINGS_PING_INTERVAL`,
 * else those 5 minutes). Source: gRPC proposals A8 and A9, https://github.com/grpc/proposal.
 *
 * Pure: whoever owns it tells the time and arms one timer for `nextMs`.
 */
export type KeepaliveAdvice = "wait" | "ping" | "dead";

export interface KeepaliveOptions {
  /** Silence after which a PING goes out, in ms. `Infinity`: never. */
  readonly everyMs: number;
  /** Silence after that PING which means that the peer is gone, in ms. */
  readonly timeoutMs: number;
}

export interface PeerSigns {
  /** When bytes arrived last, by the clock of `nowMs`. */
  readonly receivedAtMs: number;
  /** When data or headers of a call arrived last. */
  readonly dataAtMs: number;
  /** The distance of PINGs that the peer permits, in ms. */
  readonly permittedMs: number;
}

export class Keepalive {
  /** When to call `check` again. */
  nextMs = 0;
  /** A PING is out, and nothing has arrived since. */
  waiting = false;
  readonly #everyMs: number;
  readonly #timeoutMs: number;
  #pingAtMs = Number.NEGATIVE_INFINITY;
  #suspected = false;
  /** PINGs since data arrived. */
  #pings = 0;

  constructor({ everyMs, timeoutMs }: KeepaliveOptions) {
    this.#everyMs = everyMs;
    this.#timeoutMs = timeoutMs;
  }

  /** What to do now. `ping`: send one. `dead`: close the connection. In all cases `nextMs` is new. */
  check(nowMs: number, signs: PeerSigns): KeepaliveAdvice {
    if (this.waiting && signs.receivedAtMs < this.#pingAtMs) return this.#checkAnswer(nowMs);
    this.waiting = false;
    this.#suspected = false;
    if (signs.dataAtMs > this.#pingAtMs) this.#pings = 0;
    this.nextMs = this.#dueMs(signs);
    if (nowMs < this.nextMs) return "wait";
    this.waiting = true;
    this.#pingAtMs = nowMs;
    this.#pings++;
    this.nextMs = nowMs + this.#timeoutMs;
    return "ping";
  }

  #checkAnswer(nowMs: number): KeepaliveAdvice {
    this.nextMs = this.#pingAtMs + this.#timeoutMs;
    if (nowMs < this.nextMs) return "wait";
    if (this.#suspected) return "dead";
    // A process that stood still itself finds its timers due before it reads the answer that lies in its socket.
    this.#suspected = true;
    this.nextMs = nowMs + SECOND_LOOK_MS;
    return "wait";
  }

  #dueMs({ receivedAtMs, permittedMs }: PeerSigns): number {
    const wantedMs = receivedAtMs + this.#everyMs;
    return this.#pings < FREE_PINGS ? wantedMs : Math.max(wantedMs, this.#pingAtMs + permittedMs);
  }
}

/** What every gRPC server bears between two pieces of data. */
const FREE_PINGS = 2;
const SECOND_LOOK_MS = 20;

/** What gRPC's servers permit unless they say otherwise, in ms: 5 minutes. */
export const DEFAULT_PERMITTED_MS = 300_000;
