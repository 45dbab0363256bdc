/**
 * What can be wrong with an instance that the network reaches: it fails, it is slow, it never answers. An interceptor of its
 * server plays it, outside of the handlers.
 */
import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import { finiteAtLeast } from "../call/check-option.ts";
import type { Random } from "../runtime/random.ts";
import type { Timers } from "../runtime/timer.ts";
import { checkShare } from "./way-faults.ts";

export interface InstanceFaults {
  /** Give it to the instance's server: `createServer({ interceptors: [instance.interceptor] })`. */
  readonly interceptor: Interceptor;
  /** Calls that reached it, those that it failed included. */
  readonly calls: number;
  /** This share of the calls (0 to 1) fails at once, with `code` (default INTERNAL). */
  errorRate(share: number, options?: { readonly code?: Code }): this;
  /**
   * Every call fails at once, with `code` (default UNAVAILABLE). Such an instance looks idle, and balancers that go by load
   * or latency alone send it everything.
   */
  fastFailing(options?: { readonly code?: Code }): this;
  /** Every call takes `ms` longer, give or take up to `jitterMs` (default 0). */
  latency(ms: number, options?: { readonly jitterMs?: number }): this;
  /** No call is answered before its caller gives it up. */
  hang(): this;
  /** Nothing is wrong any more. Calls that hang go on hanging. */
  heal(): this;
}

export class RunningInstanceFaults implements InstanceFaults {
  readonly interceptor: Interceptor;
  calls = 0;
  readonly #random: Random;
  readonly #timers: Timers;
  #errorShare = 0;
  #code: Code = Code.Internal;
  #latencyMs = 0;
  #jitterMs = 0;
  #hangs = false;

  constructor(name: string, random: Random, timers: Timers) {
    this.#random = random;
    this.#timers = timers;
    this.interceptor = (next) => async (request) => {
      this.calls++;
      if (this.#errorShare > 0 && this.#random.next() < this.#errorShare)
        throw new ConnectError(`${name} fails on purpose`, this.#code);
      if (this.#hangs) await untilAborted(request.signal);
      if (this.#latencyMs > 0) await this.#pause(request.signal);
      return next(request);
    };
  }

  errorRate(share: number, { code = Code.Internal }: { readonly code?: Code } = {}): this {
    this.#errorShare = checkShare("errorRate", share);
    this.#code = code;
    return this;
  }

  fastFailing({ code = Code.Unavailable }: { readonly code?: Code } = {}): this {
    return this.errorRate(1, { code });
  }

  latency(ms: number, { jitterMs = 0 }: { readonly jitterMs?: number } = {}): this {
    this.#latencyMs = finiteAtLeast("latency", ms, 0);
    this.#jitterMs = finiteAtLeast("jitterMs", jitterMs, 0);
    return this;
  }

  hang(): this {
    this.#hangs = true;
    return this;
  }

  heal(): this {
    this.#hangs = false;
    return this.errorRate(0).latency(0);
  }

  async #pause(signal: AbortSignal): Promise<void> {
    const jitterMs = this.#jitterMs > 0 ? (this.#random.next() * 2 - 1) * this.#jitterMs : 0;
    const over = Promise.withResolvers<void>();
    const timer = this.#timers.after(this.#latencyMs + jitterMs, () => over.resolve());
    timer.keepAlive(true);
    const onAbort = () => {
      timer.cancel();
      over.reject(ConnectError.from(signal.reason));
    };
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      await over.promise;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }
}

async function untilAborted(signal: AbortSignal): Promise<never> {
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
  throw ConnectError.from(signal.reason);
}
