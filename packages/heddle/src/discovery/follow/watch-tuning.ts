/** The numbers of a watch loop. The defaults are meant for every registry; tests and unusual ones change them. */
import type { DebounceOptions } from "./debounce.ts";
import type { KnownSetOptions } from "./known-set.ts";

export interface WatchTuning {
  /** How long an attempt may take to say its first word, in ms. After that its source's own `silenceMs` counts. Default 5 000. */
  readonly firstAnswerMs?: number;
  /** How long a new watch waits for the registry before it uses the saved set, in ms. Default 300. */
  readonly lastGoodAfterMs?: number;
  /** The registry is asked anew after so long without any doubt, ± 20 %, in ms. Default 300 000; `Infinity`: never. */
  readonly relistMs?: number;
  /** A reader for whom more endpoints than this differ gets a snapshot of a new epoch instead. Default 1 000. */
  readonly maxUnread?: number;
  /** How bursts of news are folded. */
  readonly debounce?: DebounceOptions;
  /** When a sudden loss is not believed at once. */
  readonly shrinkGuard?: KnownSetOptions;
}
