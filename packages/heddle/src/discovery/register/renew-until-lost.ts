/**
 * The life of a registration that is renewed by one request after the other, as over HTTP: written, renewed every
 * `renewMs`, written again when the instance has changed. A registry that was there a moment ago is asked again soon, for as
 * long as the lease can last; after that it is lost, and another server may be tried.
 */
import type { Clock } from "../../runtime/clock.ts";
import type { Endpoint } from "../endpoint.ts";
import { type Hold, RegistrationRefused } from "../holder.ts";

export interface RenewalOptions {
  /** Writes the instance when `mustWrite`, else renews it, or writes it again if the registry has forgotten it. */
  readonly renew: (instance: Endpoint, mustWrite: boolean) => Promise<void>;
  /** Between two renewals, in ms. */
  readonly renewMs: number;
  /** Between attempts at a registry that was there a moment ago, in ms. */
  readonly retryMs: number;
  /** So long after the last success began it counts as lost, in ms. */
  readonly lostAfterMs: number;
  readonly clock: Clock;
}

/** What `Holder.hold` does: never resolves, and throws what ended it. */
export async function renewUntilLost(hold: Hold, options: RenewalOptions): Promise<never> {
  const { renew, renewMs, retryMs, lostAfterMs, clock } = options;
  let goodAtMs: number | undefined;
  let mustWrite = true;
  for (;;) {
    const startedAtMs = clock.now();
    let pauseMs = renewMs;
    try {
      await renew(hold.instance, mustWrite);
      goodAtMs = startedAtMs;
      mustWrite = false;
      hold.registered();
    } catch (error) {
      hold.signal.throwIfAborted();
      if (error instanceof RegistrationRefused || goodAtMs === undefined) throw error;
      if (clock.now() + retryMs - goodAtMs >= lostAfterMs) throw error;
      pauseMs = retryMs;
    }
    if ((await hold.next(pauseMs)) === "changed") mustWrite = true;
  }
}
