/**
 * Connects to whichever address of a host answers first (RFC 8305, "happy eyeballs").
 *
 * Attempts begin one after the other, a quarter of a second apart or as soon as one fails, with the families in turn;
 * those that have begun go on until one succeeds. The last part is why this is not left to Node, whose
 * `autoSelectFamily` gives an attempt up when the next begins: a host that needs longer than that to answer, or whose
 * first packet was lost, is then never reached unless its address is the last one.
 */
import { type LookupAddress, lookup as systemLookup } from "node:dns";
import { connect, isIP, type Socket } from "node:net";
import { reasonText } from "../call/errors.ts";
import type { Timer, Timers } from "../runtime/timer.ts";
import { dropSocket } from "./drop-socket.ts";

/** All addresses of a host, best first; as `dns.lookup` with `all`. */
export type Lookup = (
  host: string,
  done: (error: Error | null, addresses: readonly LookupAddress[]) => void,
) => void;

export interface ConnectFirstOptions {
  readonly host: string;
  readonly port: number;
  readonly timers: Timers;
  /** Default: the system's, in its order (RFC 6724). */
  readonly lookup?: Lookup;
}

/** RFC 8305 §5, "Connection Attempt Delay", in ms. */
const ATTEMPT_DELAY_MS = 250;

/** One race. Calls `onResult` once, never synchronously: with a connected socket, or with why there is none. */
export class ConnectFirst {
  readonly #options: ConnectFirstOptions;
  readonly #onResult: (result: Socket | Error) => void;
  readonly #running = new Set<Socket>();
  readonly #errors: Error[] = [];
  #left: LookupAddress[] = [];
  #timer: Timer | undefined = undefined;
  #over = false;

  constructor(options: ConnectFirstOptions, onResult: (result: Socket | Error) => void) {
    this.#options = options;
    this.#onResult = onResult;
    const { host, lookup = lookupAll } = options;
    const family = isIP(host);
    if (family !== 0) {
      this.#left = [{ address: host, family }];
      this.#next();
      return;
    }
    lookup(host, (error, addresses) => {
      if (this.#over) return;
      if (error !== null) return this.#finish(error);
      this.#left = inTurn(addresses);
      if (this.#left.length === 0) return this.#finish(new Error(`${host} has no address`));
      this.#next();
    });
  }

  /** Gives the race up; `onResult` is not called any more. */
  cancel(): void {
    if (this.#over) return;
    this.#over = true;
    this.#timer?.cancel();
    for (const socket of this.#running) dropSocket(socket);
  }

  #next(): void {
    this.#timer?.cancel();
    const address = this.#left.shift();
    if (address === undefined) return;
    const socket = connect({ host: address.address, port: this.#options.port, noDelay: true });
    this.#running.add(socket);
    const onError = (error: Error) => {
      this.#running.delete(socket);
      this.#errors.push(error);
      if (this.#over) return;
      if (this.#left.length > 0) this.#next();
      else if (this.#running.size === 0) this.#finish(allFailed(this.#errors));
    };
    socket.once("error", onError);
    socket.once("connect", () => {
      if (this.#over) return;
      this.#running.delete(socket);
      socket.off("error", onError);
      this.#finish(socket);
    });
    if (this.#left.length > 0) this.#timer = this.#options.timers.after(ATTEMPT_DELAY_MS, () => this.#next());
  }

  #finish(result: Socket | Error): void {
    this.cancel();
    this.#onResult(result);
  }
}

const lookupAll: Lookup = (host, done) =>
  systemLookup(host, { all: true, order: "verbatim" }, (error, addresses) => done(error, addresses ?? []));

/** Families in turn, beginning with the one that the resolver put first (§4). */
function inTurn(addresses: readonly LookupAddress[]): LookupAddress[] {
  const first = addresses[0]?.family;
  const [preferred, other] = [
    addresses.filter(({ family }) => family === first),
    addresses.filter(({ family }) => family !== first),
  ];
  const longest = Math.max(preferred.length, other.length);
  return Array.from({ length: longest }, (_, i) => [preferred[i], other[i]])
    .flat()
    .filter((address) => address !== undefined);
}

function allFailed(errors: readonly Error[]): Error {
  if (errors.length === 1) return errors[0] as Error;
  return new AggregateError(errors, [...new Set(errors.map(reasonText))].join("; "));
}
