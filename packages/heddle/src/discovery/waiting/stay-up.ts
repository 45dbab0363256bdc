/**
 * A registry that a program opened for itself keeps the process up while something is watched or registered there, as a
 * server does that listens. Nothing else would: the timers, file watches and idle connections of this library never
 * keep a process alive, because in a mesh they are housekeeping.
 */
import type { Timers } from "../../runtime/timer.ts";
import type { Registration } from "../registrar.ts";
import type { RegistryClient } from "../registry-client.ts";

/** The same client; what is watched and registered through it holds the process until its end, or the client's. */
export function stayUp(client: RegistryClient, timers: Timers): RegistryClient {
  const { resolver, registrar } = client;
  const held = new Set<() => void>();

  function hold(): () => void {
    const timer = timers.every(ANY_MS, () => {});
    timer.keepAlive(true);
    const release = () => {
      timer.cancel();
      held.delete(release);
    };
    held.add(release);
    return release;
  }

  return {
    resolver: {
      scheme: resolver.scheme,
      describe: () => resolver.describe?.() ?? [],
      async *watch(target, signal) {
        const release = hold();
        // Whoever stops to read doesn't get to the end of this function.
        signal.addEventListener("abort", release, { once: true });
        try {
          yield* resolver.watch(target, signal);
        } finally {
          signal.removeEventListener("abort", release);
          release();
        }
      },
    },
    registrar: registrar && {
      register(instance) {
        const registration = registrar.register(instance);
        return untilDisposed(registration, hold());
      },
    },
    async [Symbol.asyncDispose]() {
      await client[Symbol.asyncDispose]();
      for (const release of held) release();
    },
  };
}

/** A timer that does nothing but be there. */
const ANY_MS = 3_600_000;

function untilDisposed(registration: Registration, release: () => void): Registration {
  return {
    get registered() {
      return registration.registered;
    },
    get state() {
      return registration.state;
    },
    get lastError() {
      return registration.lastError;
    },
    update: (change) => registration.update(change),
    async [Symbol.asyncDispose]() {
      try {
        await registration[Symbol.asyncDispose]();
      } finally {
        release();
      }
    },
  };
}
