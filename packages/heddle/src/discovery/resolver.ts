/**
 * The seam between Heddle and whatever knows where instances are. Every registry can say "your cursor is too old"
 * in its own words, so every resolver speaks in snapshots, ordered deltas and an explicit reset, and whoever
 * consumes it applies differences (`createEndpointSet`) and never flushes to empty first.
 *
 * What an implementation owes: it loops by itself until `signal` aborts; it notices a silent server by its own
 * deadline; and it never turns "I can't reach the registry" into an update.
 */
import type { Endpoint } from "./endpoint.ts";
import type { Target } from "./target.ts";
import type { WatchStatus } from "./watch-status.ts";

export interface Resolver {
  /** The scheme of the targets it resolves, in lower case. */
  readonly scheme: string;
  /**
   * Yields what is known about a target, as it changes. Ends when `signal` aborts, and throws only for what waiting
   * can't mend (a malformed target): an unreachable registry is retried inside.
   */
  watch(target: Target, signal: AbortSignal): AsyncIterable<ResolverUpdate>;
  /** How its watches are doing: one for each target that is watched now. Absent where there is nothing to say. */
  describe?(): readonly WatchStatus[];
}

export type ResolverUpdate = ResolverSnapshot | ResolverDelta;

export interface ResolverSnapshot {
  readonly kind: "snapshot";
  /** Revisions of two epochs can't be compared: another epoch is the explicit reset. */
  readonly epoch: string;
  readonly revision: bigint;
  readonly endpoints: readonly Endpoint[];
  /** False when the source knows that it doesn't know everything yet: what is missing may be alive. */
  readonly complete: boolean;
  /**
   * How calls to the target are to be made, where whoever knows the instances says that, too: a service config as plain
   * JSON, in Heddle's form or gRPC's, unchecked. Each snapshot has it again; absent: there is none.
   */
  readonly serviceConfig?: unknown;
}

export interface ResolverDelta {
  readonly kind: "delta";
  readonly revision: bigint;
  /** The revision of the update before this one; another one means that something was missed. */
  readonly previousRevision: bigint;
  readonly upserted: readonly Endpoint[];
  /** Ids of endpoints that are gone. */
  readonly removed: readonly string[];
}
