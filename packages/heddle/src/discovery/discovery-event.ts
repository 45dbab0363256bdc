/** What resolvers and registrars go through, for logs and metrics. Nothing needs to be done about any of them. */
import type { HeddleError } from "../call/errors.ts";

export type DiscoveryEvent = WatchEvent | RegistrationEvent;

/** `target` is the canonical text of what is watched. */
export type WatchEvent =
  /** The registry answered. */
  | { readonly kind: "connected"; readonly target: string }
  /** The watch ended and will be opened again. What is known is kept. */
  | { readonly kind: "disconnected"; readonly target: string; readonly error: unknown }
  /** The registry doesn't answer; a set saved so long ago is used. */
  | { readonly kind: "last-good"; readonly target: string; readonly count: number; readonly ageMs: number }
  /** So many of so many endpoints went at once. They are kept until the registry has repeated it. */
  | { readonly kind: "shrink-held"; readonly target: string; readonly held: number; readonly of: number };

/** `instance` is the id. */
export type RegistrationEvent =
  /** The instance is registered. */
  | { readonly kind: "registered"; readonly instance: string }
  /** The registry does not answer, or no longer; registering is tried again. */
  | { readonly kind: "unregistered"; readonly instance: string; readonly error: unknown }
  /** The registry wants none of this instance: said once. Trying again goes on. */
  | { readonly kind: "refused"; readonly instance: string; readonly error: HeddleError };
