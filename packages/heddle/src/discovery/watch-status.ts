/** What a watch knows about itself, for `describe()`, metrics and people. */
export interface WatchStatus {
  /** The canonical text of what is watched. */
  readonly target: string;
  /**
   * - `connecting`: the registry has not answered yet
   * - `live`: what is known is what the registry says
   * - `lost`: it did say something, and can't be reached now; what is known is kept
   */
  readonly state: "connecting" | "live" | "lost";
  /** How long it has been in that state, in ms. */
  readonly forMs: number;
  /** Whose word the set is. `none`: nothing is known. */
  readonly source: "none" | "registry" | "last-good";
  /** How long ago the registry confirmed the set last: by an answer, a change, or a sign of life. Undefined: never. */
  readonly ageMs: number | undefined;
  /** How many endpoints are known, with those that are held. */
  readonly endpoints: number;
  /** How many the registry has taken away without being believed yet. */
  readonly held: number;
  /** Whether the registry has said that this is all there is. */
  readonly complete: boolean;
  /** How many read this watch. */
  readonly watchers: number;
  /** Why it is not live; undefined while it is. */
  readonly lastError: unknown;
}
