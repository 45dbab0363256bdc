/**
 * The rules by which a client of Consul may wait for changes (https://developer.hashicorp.com/consul/api-docs/features/blocking).
 * An index that went back begins anew; one that is no index at all must not become a busy loop; a return is no promise of a
 * change, so those that bring none are limited strictly, and those that do leniently.
 */
import { RateGuard } from "../../runtime/rate-guard.ts";

/** What the next query sends: undefined asks for an answer at once. */
export function nextIndex(previous: bigint | undefined, header: string | undefined): bigint | undefined {
  if (header === undefined || !/^\d{1,20}$/.test(header)) return undefined;
  const index = BigInt(header);
  if (index < 1n) return 1n;
  return previous !== undefined && index < previous ? undefined : index;
}

/** How long an answer may take that the agent holds back for `waitMs`: Consul adds up to a sixteenth, then comes the network. */
export function blockingTimeoutMs(waitMs: number, timeoutMs: number): number {
  return waitMs + waitMs / 16 + timeoutMs;
}

export interface QueryPacer {
  /** Whether the next query has to wait, after an answer that did or didn't change anything; to be asked again after a pause. */
  mustPause(hadNews: boolean, nowMs: number): boolean;
}

/** Changes: 20 a second, and 20 at once. Answers without a change: one every 2 s, and two at once. */
export function createQueryPacer(): QueryPacer {
  const news = new RateGuard({ limit: 20, perMs: 1_000 });
  const noNews = new RateGuard({ limit: 2, perMs: 4_000 });
  return { mustPause: (hadNews, nowMs) => (hadNews ? news : noNews).hit(nowMs) };
}
