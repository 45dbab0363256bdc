/**
 * The seam through which a process makes itself known. A registration is a loop, not a call: leases run out, registries
 * restart with nothing in them, and each time the registrar registers again by itself until it is disposed.
 */
import type { Endpoint } from "./endpoint.ts";

export interface Registrar {
  /** Begins to register, and goes on. Returns at once; throws only for an instance that can't be described. */
  register(instance: Endpoint): Registration;
}

export interface Registration extends AsyncDisposable {
  /**
   * Resolves at the first success. Rejects when the registry refuses the instance itself (`registrationRefused`) or
   * when it is disposed before. Stays pending while the registry can't be reached. Need not be awaited.
   */
  readonly registered: Promise<void>;
  readonly state: RegistrationState;
  /** What went wrong last, while it is not registered. */
  readonly lastError: unknown;
  /** Changes what others see; sent at once, or with the next registration. */
  update(change: RegistrationChange): void;
  /** Deregisters. Takes at most a short while, and never throws: a lease that can't be given up runs out. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * - `registering`: no success yet
 * - `registered`: the lease is held
 * - `lost`: was registered, is trying again
 * - `closed`: disposed
 */
export type RegistrationState = "registering" | "registered" | "lost" | "closed";

export type RegistrationChange = Partial<Pick<Endpoint, "draining" | "weight" | "metadata">>;
