/**
 * What the resolver of one kind of registry writes: a single attempt at following a target. Everything that all
 * registries need around it stands once, in `watch-loop.ts`: opening again with jittered pauses, the deadline on
 * silence, the last good set, the guard against a sudden near-empty answer, debouncing, the periodic relist.
 */
import type { Endpoint } from "./endpoint.ts";
import type { Target } from "./target.ts";

export interface Source {
  /** The scheme of the targets it resolves, in lower case. */
  readonly scheme: string;
  /** An attempt from which nothing (no update, no sign of life) was heard for so long is given up, in ms. */
  readonly silenceMs: number;
  /**
   * Follows a target from now on: yields a snapshot, then what changes. A later snapshot is a relist of the same attempt.
   * Ends or throws when the registry is lost or the cursor too old, and is then opened again. Stops when
   * `signal` aborts; whoever reads may stop reading too. Throws a `HeddleError` only for what waiting can't mend. A
   * refused credential is told and tried again all the same, for it may be mended over there; a malformed target
   * (`targetInvalid`) ends the watch with that error.
   */
  open(target: Target, signal: AbortSignal): AsyncIterable<SourceUpdate>;
}

export type SourceUpdate =
  | {
      readonly kind: "snapshot";
      readonly endpoints: readonly Endpoint[];
      /** False when the registry itself says that it doesn't know everything yet. Default true. */
      readonly complete?: boolean;
    }
  | {
      readonly kind: "delta";
      readonly upserted: readonly Endpoint[];
      /** Ids of endpoints that are gone. */
      readonly removed: readonly string[];
    }
  /**
   * What the registry says of how calls to the target are made (`policy/service-config.ts`, or gRPC's form), unchecked.
   * An attempt that does not say it before its first snapshot says that there is none.
   */
  | { readonly kind: "service-config"; readonly serviceConfig: unknown }
  /** The registry is there, and nothing has changed. A source whose registry says how often it speaks may set the deadline. */
  | { readonly kind: "alive"; readonly silenceMs?: number };
