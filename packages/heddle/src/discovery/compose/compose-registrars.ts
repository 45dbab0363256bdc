/** One registrar for several registries: an instance is registered in each of them, and counts as registered with the first. */
import type { Registrar, Registration, RegistrationState } from "../registrar.ts";

export function registrarOf(registrars: readonly Registrar[]): Registrar {
  const heard = registrars.flatMap(({ heardWithinMs }) => heardWithinMs ?? []);
  return {
    heardWithinMs: heard.length === 0 ? undefined : Math.max(...heard),
    register(instance, options) {
      const registrations = registrars.map((registrar) => registrar.register(instance, options));
      const registered = Promise.any(registrations.map((one) => one.registered)).catch((error: unknown) => {
        throw error instanceof AggregateError ? error.errors[0] : error;
      });
      registered.catch(() => {});
      return {
        registered,
        get state() {
          return bestOf(registrations);
        },
        get lastError() {
          return registrations.find((one) => one.state !== "registered")?.lastError;
        },
        update: (change) => {
          for (const one of registrations) one.update(change);
        },
        async [Symbol.asyncDispose]() {
          await Promise.all(registrations.map((one) => one[Symbol.asyncDispose]()));
        },
      };
    },
  };
}

const BEST_FIRST: readonly RegistrationState[] = ["registered", "registering", "lost", "closed"];

function bestOf(registrations: readonly Registration[]): RegistrationState {
  return BEST_FIRST.find((state) => registrations.some((one) => one.state === state)) ?? "closed";
}
