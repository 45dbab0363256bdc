/**
 * Makes a registrar from a holder. Each registration is a loop: whatever ends the hold (the lease ran out, the registry
 * restarted, forgot or fell silent), the instance is registered again after a jittered pause, until it is disposed.
 * Serving goes on meanwhile; nothing here ever stops it, and nothing here throws.
 *
 * A write whose outcome nobody knows may have been done. So the way out gives the instance up also when it was never
 * seen registered, unless the registry refused it; the holder compares the owner.
 */
import { ConnectError } from "@connectrpc/connect";
import { HeddleError, reasonText } from "../../call/errors.ts";
import { backoffMs, type BackoffOptions } from "../../resilience/backoff.ts";
import { type Runtime, systemRuntime } from "../../runtime/runtime.ts";
import type { DiscoveryEvent } from "../discovery-event.ts";
import type { Endpoint } from "../endpoint.ts";
import { type Hold, type Holder, RegistrationRefused } from "../holder.ts";
import type { Registrar, Registration, RegistrationOptions, RegistrationState } from "../registrar.ts";
import { pauseBeforeRetry, SHORT_LIFE_MS } from "../waiting/pause.ts";
import { createInstanceState } from "./instance-state.ts";
import { settlesWithin } from "./settles-within.ts";

export interface RegistrationLoopOptions {
  /** Time, timers and randomness. Default: the process's. */
  readonly runtime?: Runtime;
  /** What the registrations go through, for logs and metrics. Default: ignored. */
  readonly onEvent?: (event: DiscoveryEvent) => void;
}

/** Disposing it disposes all its registrations. Never throws. */
export interface RegistrationLoop extends Registrar, AsyncDisposable {}

export function createRegistrationLoop(
  holder: Holder,
  options: RegistrationLoopOptions = {},
): RegistrationLoop {
  const registrations = new Set<Registration>();
  return {
    heardWithinMs: holder.heardWithinMs,
    register(instance, { check } = {}) {
      const registration = keepRegistered(holder, { instance, check }, options, () =>
        registrations.delete(registration),
      );
      registrations.add(registration);
      return registration;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...registrations].map((registration) => registration[Symbol.asyncDispose]()));
    },
  };
}

/** What the registry refused will hardly be taken a moment later. A change of the instance ends the pause. */
const REFUSED_BACKOFF: BackoffOptions = { baseMs: 1_000, factor: 2, maxMs: 30_000, jitter: 0.5 };
/** How long a hold may take to notice its abort. */
const LET_GO_MS = 100;
const RELEASE_TIMEOUT_MS = 500;

function keepRegistered(
  holder: Holder,
  { instance: first, check }: RegistrationOptions & { readonly instance: Endpoint },
  { runtime = systemRuntime, onEvent = () => {} }: RegistrationLoopOptions,
  onClose: () => void,
): Registration {
  const { clock, random, timers } = runtime;
  const closing = new AbortController();
  const registered = Promise.withResolvers<void>();
  registered.promise.catch(() => {});
  const current = createInstanceState(first, timers);
  let state: RegistrationState = "registering";
  let lastError: unknown;
  /** The refusal, or the loss, has been told. */
  let refused = false;
  let lossTold = false;
  /** The registry may have the instance. */
  let mayBeThere = false;
  let disposing: Promise<void> | undefined;

  /** One hold, from its first write to whatever ends it. Resolves with the error, and whether it had lasting success. */
  async function holdOnce(): Promise<{ error: unknown; lasted: boolean }> {
    const ending = new AbortController();
    const end = () => ending.abort();
    closing.signal.addEventListener("abort", end, { once: true });
    let registeredAtMs: number | undefined;
    const mightBeThere = mayBeThere;
    mayBeThere = true;
    let seen = current.version;
    const hold: Hold = {
      get instance() {
        return current.instance;
      },
      check,
      signal: ending.signal,
      registered() {
        if (registeredAtMs !== undefined || ending.signal.aborted) return;
        registeredAtMs = clock.now();
        onRegistered();
      },
      async next(ms) {
        const what = await current.changed(seen, ms, ending.signal);
        seen = current.version;
        return what;
      },
    };
    let error: unknown;
    try {
      error = new Error(`the holder ended: ${String(await holder.hold(hold))}`);
    } catch (thrown) {
      error = thrown;
    }
    closing.signal.removeEventListener("abort", end);
    // Whatever of it still waits for the next change ends here.
    end();
    if (registeredAtMs === undefined && error instanceof RegistrationRefused) mayBeThere = mightBeThere;
    return { error, lasted: registeredAtMs !== undefined && clock.now() - registeredAtMs >= SHORT_LIFE_MS };
  }

  function onRegistered(): void {
    state = "registered";
    lastError = undefined;
    refused = lossTold = false;
    registered.resolve();
    onEvent({ kind: "registered", instance: first.id });
  }

  function onLost(error: unknown): void {
    if (state === "registered") state = "lost";
    lastError = error;
    if (error instanceof RegistrationRefused) {
      if (!refused) onRefused(error);
      refused = true;
    } else if (!lossTold) {
      lossTold = true;
      onEvent({ kind: "unregistered", instance: first.id, error });
    }
  }

  function onRefused(error: RegistrationRefused): void {
    const { service, address } = current.instance;
    const params = { instance: `${service} at ${address}`, reason: reasonText(error) };
    const { cause } = error;
    const refusal = new HeddleError("registrationRefused", params, {
      cause: error,
      ...(cause instanceof ConnectError ? { code: cause.code } : {}),
    });
    registered.reject(refusal);
    onEvent({ kind: "refused", instance: first.id, error: refusal });
  }

  async function loop(): Promise<void> {
    for (let failures = 0; !closing.signal.aborted; failures++) {
      const { error, lasted } = await holdOnce();
      if (closing.signal.aborted) return;
      onLost(error);
      if (lasted) failures = 0;
      if (error instanceof RegistrationRefused) await pauseAfterRefusal(failures);
      else await pauseBeforeRetry(failures, closing.signal, runtime);
    }
  }

  async function pauseAfterRefusal(failures: number): Promise<void> {
    const ms = backoffMs(failures, REFUSED_BACKOFF, random);
    await current.changed(current.version, ms, closing.signal).catch(() => {});
  }

  async function close(): Promise<void> {
    state = "closed";
    onClose();
    registered.reject(new HeddleError("closed", { what: `the registration of ${first.id}` }));
    closing.abort();
    await settlesWithin(running, LET_GO_MS, timers);
    if (!mayBeThere) return;
    const { releaseTimeoutMs = RELEASE_TIMEOUT_MS } = holder;
    const giveUp = new AbortController();
    const releasing = (async () => holder.release(current.instance, giveUp.signal))();
    releasing.catch((error: unknown) => {
      lastError = error;
    });
    if (!(await settlesWithin(releasing, releaseTimeoutMs, timers))) giveUp.abort();
  }

  // Not before the registration is in the hands of whoever asked for it.
  const running = Promise.resolve().then(loop);

  return {
    registered: registered.promise,
    get state() {
      return state;
    },
    get lastError() {
      return lastError;
    },
    update(change) {
      if (state !== "closed") current.set({ ...current.instance, ...change });
    },
    [Symbol.asyncDispose]() {
      disposing ??= close();
      return disposing;
    },
  };
}
