/**
 * Every peer at every level of the load, in interleaved rounds.
 *
 * Every peer's processes are started once and warmed up until they get no faster: V8 needs seconds to
 * optimise the larger libraries, and a short warm-up would count that against them. Then a round visits
 * all peers one after another, and only then the next round begins, so that a slow minute of the
 * machine falls on everybody. What is reported is the median over rounds, and the ratio of medians
 * taken in the same run.
 */
import type { LoadResult } from "./load.ts";
import { type Pair, startPair } from "./pair.ts";
import { median } from "./statistics.ts";
import { loadPeer, loadSuite, type Suite, type SuiteName } from "./suite.ts";

export interface RoundsOptions {
  readonly suite: SuiteName;
  readonly peers: readonly string[];
  /** What a level means, the suite knows: calls in flight, streams, bytes of a message. */
  readonly levels: readonly number[];
  readonly rounds: number;
  /** The shortest and the longest time under load before anything of a peer is measured. */
  readonly warmUpMs: { readonly min: number; readonly max: number };
  /** Load at each level, just before it is measured. */
  readonly settleMs: number;
  readonly measureMs: number;
  /** Told what is being done now, for people. */
  readonly onProgress: (text: string) => void;
}

export interface Row {
  readonly peer: string;
  readonly level: number;
  /** Units: calls, or messages of a stream. */
  readonly perSecond: number;
  readonly p50Us: number;
  readonly p99Us: number;
  /** Processor time for 1 000 units, client and server together. */
  readonly cpuSecondsPer1000: number;
  readonly clientCpuSecondsPer1000: number;
  readonly serverCpuSecondsPer1000: number;
  /** Units per second of each round, in order: how far the rounds lie apart. */
  readonly roundPerSecond: readonly number[];
}

interface Sample extends LoadResult {
  readonly clientCpu: number;
  readonly serverCpu: number;
}

export async function runRounds(options: RoundsOptions): Promise<Row[]> {
  const suite = await loadSuite(options.suite);
  // A peer that cannot be loaded ends the run before the minutes are spent, not in the middle.
  for (const name of options.peers) await loadPeer(options.suite, name);
  await using stack = new AsyncDisposableStack();
  const maxInflight = Math.max(...options.levels.map((level) => suite.inflightAt(level)));
  const pairs: [string, Pair][] = [];
  for (const peer of options.peers) {
    const pair = stack.use(await startPair(options.suite, peer, { maxInflight }));
    await warmUp(peer, pair, options);
    pairs.push([peer, pair]);
  }
  const samples = new Map<string, Sample[]>();
  for (let round = 1; round <= options.rounds; round++) {
    for (const [peer, pair] of pairs) {
      for (const level of options.levels) {
        const sample = await measure(pair, level, options);
        const key = keyOf(peer, level);
        samples.set(key, [...(samples.get(key) ?? []), sample]);
        options.onProgress(`round ${round}/${options.rounds}  ${key}  ${rateOf(sample)}`);
      }
    }
  }
  return options.peers.flatMap((peer) =>
    options.levels.map((level) => toRow(peer, level, samples.get(keyOf(peer, level)) ?? [])),
  );
}

/** Loads the pair a second at a time until two seconds in a row are no faster than the best before them. */
async function warmUp(peer: string, pair: Pair, options: RoundsOptions): Promise<void> {
  const stepMs = 1_000;
  const level = Math.max(...options.levels);
  let best = 0;
  let spentMs = 0;
  for (let flat = 0; spentMs < options.warmUpMs.max; ) {
    const load = await pair.client.ask<LoadResult>({ ask: "load", level, settleMs: 0, measureMs: stepMs });
    spentMs += stepMs;
    flat = load.perSecond > best * 1.03 ? 0 : flat + 1;
    best = Math.max(best, load.perSecond);
    options.onProgress(`warm-up  ${keyOf(peer, level)}  ${rateOf(load)}`);
    if (flat >= 2 && spentMs >= options.warmUpMs.min) return;
  }
}

/**
 * CPU time is read while both ends are idle, before and after the whole load, and divided by all the
 * units between: none is counted on one side and missed on the other.
 */
async function measure(pair: Pair, level: number, options: RoundsOptions): Promise<Sample> {
  const readCpu = async () => ({
    client: await pair.client.ask<number>({ ask: "cpu" }),
    server: await pair.server.ask<number>({ ask: "cpu" }),
  });
  const { settleMs, measureMs } = options;
  const before = await readCpu();
  const load = await pair.client.ask<LoadResult>({ ask: "load", level, settleMs, measureMs });
  const after = await readCpu();
  const thousands = load.units / 1_000;
  return {
    ...load,
    clientCpu: (after.client - before.client) / thousands,
    serverCpu: (after.server - before.server) / thousands,
  };
}

function toRow(peer: string, level: number, samples: readonly Sample[]): Row {
  const middle = (pick: (sample: Sample) => number, digits: number) =>
    round(median(samples.map(pick)), digits);
  return {
    peer,
    level,
    perSecond: middle((s) => s.perSecond, 1),
    p50Us: middle((s) => s.p50Us, 1),
    p99Us: middle((s) => s.p99Us, 1),
    cpuSecondsPer1000: middle((s) => s.clientCpu + s.serverCpu, 5),
    clientCpuSecondsPer1000: middle((s) => s.clientCpu, 5),
    serverCpuSecondsPer1000: middle((s) => s.serverCpu, 5),
    roundPerSecond: samples.map((s) => round(s.perSecond, 1)),
  };
}

/**
 * `heddle/grpc-js@64`: units per second of the first over those of the second, both medians of this run. `pairs` as
 * in `Suite`; only those whose two peers were measured appear.
 */
export function toRatios(
  rows: readonly Row[],
  pairs: NonNullable<Suite["ratios"]> = heddlePairs(rows),
): Record<string, number> {
  const ratios: Record<string, number> = {};
  for (const [peer, otherPeer] of pairs) {
    for (const row of rows.filter((each) => each.peer === peer)) {
      const other = rows.find((each) => each.peer === otherPeer && each.level === row.level);
      if (other) ratios[`${peer}/${keyOf(otherPeer, row.level)}`] = round(row.perSecond / other.perSecond, 3);
    }
  }
  return ratios;
}

/** Every peer of Heddle's with every other. */
function heddlePairs(rows: readonly Row[]): [string, string][] {
  const peers = [...new Set(rows.map(({ peer }) => peer))];
  return peers
    .filter(isHeddle)
    .flatMap((peer) =>
      peers.filter((other) => !isHeddle(other)).map((other): [string, string] => [peer, other]),
    );
}

function isHeddle(peer: string): boolean {
  return peer.startsWith("heddle");
}

function rateOf(load: LoadResult): string {
  return `${Math.round(load.perSecond).toLocaleString("en")}/s`;
}

function keyOf(peer: string, level: number): string {
  return `${peer}@${level}`;
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
