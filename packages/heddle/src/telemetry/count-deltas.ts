/**
 * What has been counted since it was last asked, for whoever keeps counts over time and hears of them now and then. From
 * the same series that Prometheus reads, so that both say the same. Pure.
 */
import { instruments } from "./instruments.ts";
import type { MetricFamily } from "./snapshot.ts";

export type CountKind = "served" | "made" | "attempt" | "retry";

export interface CountDelta {
  readonly kind: CountKind;
  readonly method: string;
  readonly peer: string;
  readonly peerInstance: string;
  readonly code: string;
  readonly calls: number;
  readonly seconds: number;
  readonly firstBucket: number;
  readonly buckets: readonly number[];
}

interface Total {
  readonly calls: number;
  readonly seconds: number;
  readonly offset: number;
  readonly counts: Float64Array;
}

export class CountDeltas {
  #totals = new Map<string, Total>();

  /** At most so many; those that have no place come the next time. */
  next(families: readonly MetricFamily[], max: number): readonly CountDelta[] {
    const deltas: CountDelta[] = [];
    const totals = new Map<string, Total>();
    for (const { instrument, points } of families) {
      const row = ROWS.get(instrument.name);
      if (row === undefined) continue;
      for (const { labels, value } of points) {
        const key = `${instrument.name}\n${labels.join("\n")}`;
        const known = this.#totals.get(key);
        const now = totalOf(value);
        if (deltas.length >= max || known?.calls === now.calls) {
          if (known !== undefined) totals.set(key, known);
          continue;
        }
        totals.set(key, now);
        // A series that was away begins anew.
        deltas.push({
          ...row(labels),
          ...difference(now, known === undefined || known.calls > now.calls ? ZERO : known),
        });
      }
    }
    this.#totals = totals;
    return deltas;
  }
}

const ZERO: Total = { calls: 0, seconds: 0, offset: 0, counts: new Float64Array(0) };

function totalOf(value: MetricFamily["points"][number]["value"]): Total {
  if (typeof value === "number") return { ...ZERO, calls: value };
  const { count, sum, exponential } = value;
  if (exponential === undefined) return { ...ZERO, calls: count, seconds: sum };
  const { offset, counts, zeroCount } = exponential;
  if (zeroCount === 0) return { calls: count, seconds: sum, offset, counts };
  // What took no time at all stands in the bucket below the first.
  const first = Math.min(ZERO_BUCKET, counts.length === 0 ? ZERO_BUCKET : offset);
  const all = new Float64Array((counts.length === 0 ? first : offset + counts.length - 1) - first + 1);
  all.set(counts, counts.length === 0 ? 0 : offset - first);
  all[ZERO_BUCKET - first] = (all[ZERO_BUCKET - first] as number) + zeroCount;
  return { calls: count, seconds: sum, offset: first, counts: all };
}

const ZERO_BUCKET = -161;

function difference(now: Total, before: Total) {
  const buckets: number[] = [];
  let firstBucket = 0;
  for (const [i, count] of now.counts.entries()) {
    const index = now.offset + i;
    const added = count - (before.counts[index - before.offset] ?? 0);
    if (added <= 0 && buckets.length === 0) continue;
    if (buckets.length === 0) firstBucket = index;
    buckets.push(Math.max(0, added));
  }
  while (buckets.at(-1) === 0) buckets.pop();
  return {
    calls: now.calls - before.calls,
    seconds: Math.max(0, now.seconds - before.seconds),
    firstBucket,
    buckets,
  };
}

type Row = (
  labels: readonly string[],
) => Pick<CountDelta, "kind" | "method" | "peer" | "peerInstance" | "code">;

const NONE = { method: "", peer: "", peerInstance: "", code: "" };

/** Which labels say what, in the order of the instrument's. */
const ROWS: ReadonlyMap<string, Row> = new Map<string, Row>([
  [
    instruments.serverCallDuration.name,
    ([, method = "", code = ""]) => ({ ...NONE, kind: "served", method, code }),
  ],
  [
    instruments.clientCallDuration.name,
    ([, method = "", code = "", peer = ""]) => ({ ...NONE, kind: "made", method, code, peer }),
  ],
  [
    instruments.clientAttemptDuration.name,
    ([, code = "", address = "", service = "", peerInstance = ""]) => ({
      ...NONE,
      kind: "attempt",
      code,
      peer: service === "" ? address : service,
      peerInstance,
    }),
  ],
  [instruments.clientRetries.name, ([method = "", peer = ""]) => ({ ...NONE, kind: "retry", method, peer })],
]);
