/**
 * Where the answers of calls with a key are kept, so that a repeated call gets the first one's instead of running
 * again. Instances of a service that share a store share its memory: a retry mostly goes to another instance.
 *
 * All methods must be atomic for a key. What they throw fails the call (HDL-2416): running without the store would be
 * running twice. One suite holds for every store: `store-suite.ts`.
 */
export interface IdempotencyStore extends AsyncDisposable {
  /**
   * Takes the key for a call that is about to run. An unknown key, and one whose time is over, becomes `owner`'s
   * ("yours"), for `leaseMs`; for its owner the lease begins anew. Otherwise it says what is there.
   */
  claim(key: string, claim: Claim): Promise<Claimed>;
  /** Keeps the answer for `ttlMs`. False: the key is not `owner`'s any more, and nothing was kept. */
  finish(key: string, owner: string, answer: string, ttlMs: number): Promise<boolean>;
  /** Gives a key up without an answer, if it is `owner`'s: the next call with it runs. */
  release(key: string, owner: string): Promise<void>;
}

export interface Claim {
  /** Unique to the call. */
  readonly owner: string;
  /** A hash of the request: the same key must not stand for two. */
  readonly fingerprint: string;
  /** After so long without a sign of its owner, the call has died with its process. */
  readonly leaseMs: number;
}

export type Claimed =
  | { readonly state: "yours" }
  | { readonly state: "running"; readonly fingerprint: string }
  | { readonly state: "done"; readonly fingerprint: string; readonly answer: string };
