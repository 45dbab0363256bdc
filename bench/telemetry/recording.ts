/**
 * What one counter and one histogram cost together, once their labels are resolved: processor time of this process, the
 * median over rounds. Values are spread over five orders of magnitude and come in no order, as the times of calls do.
 */
import { instruments, Metrics } from "heddle";
import { median } from "../harness/statistics.ts";

/** A counter and a histogram together may take so long, in ns. */
export const recordingLimitNs = 50;

const ROUNDS = 9;
const PAIRS = 5_000_000;
const VALUES = 4096;

export function measureRecording(): number {
  const metrics = new Metrics();
  const counter = metrics.counter(instruments.clientHedges, ["shop.v1.Orders/Place", "orders"]);
  const histogram = metrics.histogram(instruments.serverQueueDelay);
  const values = Float64Array.from(
    { length: VALUES },
    (_, i) => 10 ** (((i * 2654435761) % 5000) / 1000 - 4),
  );
  const rounds: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const before = process.cpuUsage();
    for (let i = 0; i < PAIRS; i++) {
      counter.add();
      histogram.recordFor(values[i & (VALUES - 1)] as number, i, NOBODY);
    }
    const { user, system } = process.cpuUsage(before);
    // The first rounds are slow code that has yet to be compiled.
    if (round >= 2) rounds.push(((user + system) * 1000) / PAIRS);
  }
  return median(rounds);
}

const NOBODY = { exemplarTrace: () => undefined };
