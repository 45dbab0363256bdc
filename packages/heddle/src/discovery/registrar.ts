/**
 * The seam through which a process makes itself known. A registration is a loop, not a call: leases run out, registries
 * restart with nothing in them, and each time the registrar registers again by itself until it is disposed.
 */
import type { Endpoint } from "./endpoint.ts";
import type { InstanceCheckOptions } from "./instance-check.ts";

export interface Registrar {
  /** Begins to register, and goes on. Returns at once; throws only for an instance that can't be described. */
  register(instance: Endpoint, options?: RegistrationOptions): Registration;
  /**
   * How long it may take, in ms, until callers that have no connection hear that an instance has deregistered. Absent
   * where that is a moment, and who is late finds another instance at no cost.
   */
  readonly heardWithinMs?: number | undefined;
}

export interface RegistrationOptions {
  /** How the registry is to check the instance. Default: as it is set up there. Registries without such checks ignore it. */
  readonly check?: InstanceCheckOptions | undefined;
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

/** `health` is the instance's own word: `unhealthy` is believed, for anything else the registry looks for itself. */
export type RegistrationChange = Partial<Pick<Endpoint, "draining" | "health" | "weight" | "metadata">>;
