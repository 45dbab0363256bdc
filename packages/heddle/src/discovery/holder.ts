/**
 * What the registrar of one kind of registry writes: how one instance is registered and kept until something goes
 * wrong. The loop around it stands once, in `registration-loop.ts`: trying again with jittered pauses, the states,
 * what a refusal means, the way out.
 */
import type { Endpoint } from "./endpoint.ts";
import type { InstanceCheckOptions } from "./instance-check.ts";
import { namesOf } from "./names.ts";

export interface Holder {
  /**
   * Registers, calls `hold.registered()`, renews for as long as it lives. Never resolves: throws when the lease is lost or
   * the registry doesn't answer within its own deadline (by the monotonic clock, whatever the transport believes), and at
   * once when `hold.signal` aborts. Writes are idempotent, and leave alone what a newer incarnation wrote.
   * Throws `RegistrationRefused` for what trying again with the same instance can't mend.
   */
  hold(hold: Hold): Promise<never>;
  /** Takes the instance away, if it is still this incarnation's. May throw: the lease runs out by itself. */
  release(instance: Endpoint, signal: AbortSignal): Promise<void>;
  /** How long `release` may delay a shutdown. Default 500 ms. */
  readonly releaseTimeoutMs?: number;
  /** See `Registrar.heardWithinMs`. */
  readonly heardWithinMs?: number;
}

/** One registration, for as long as one call of `Holder.hold` lasts. */
export interface Hold {
  /** As it shall be seen now. */
  readonly instance: Endpoint;
  /** How the registry is to check it, if the instance has asked for that. */
  readonly check?: InstanceCheckOptions | undefined;
  readonly signal: AbortSignal;
  /** The registry has it, as `instance` was when the write began. To be called at the first success; later calls do nothing. */
  registered(): void;
  /**
   * Waits until `instance` has changed (also if that was since the last call), or for so long. Rejects when the
   * signal aborts.
   */
  next(ms: number): Promise<"changed" | "due">;
}

/** The registry wants none of this instance: wrong credentials, a name that it can't hold. */
export class RegistrationRefused extends Error {
  override readonly name = "RegistrationRefused";
}

/**
 * Throws `RegistrationRefused` when a newer start of the process has the instance: two that write in turns help nobody. The
 * loop goes on asking, seldom, for the newer one may leave. `owner`: the incarnation that stands there; undefined: nobody's.
 */
export function refuseNewerOwner(id: string, owner: bigint | undefined, own: bigint): void {
  if (owner !== undefined && owner > own)
    throw new RegistrationRefused(`a newer incarnation of ${id} is registered`);
}

/** The names to register an instance under. Throws `RegistrationRefused` when it has none: nobody could find it. */
export function namesToRegister(instance: Endpoint): readonly string[] {
  const names = namesOf(instance);
  if (names.length === 0) throw new RegistrationRefused("it has neither a service nor a contract");
  return names;
}
