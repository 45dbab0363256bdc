/**
 * The rpc suite: every peer at every number of calls in flight, in interleaved rounds.
 *
 * Every peer's processes are started once and warmed up until they get no faster: V8 needs seconds to
 * optimise the larger libraries, and a short warm-up would count that against them. Then a round visits
 * all peers one after another, and only then the next round begins, so that a slow minute of the
 * machine falls on everybody. What is reported is the median over rounds, and the ratio of medians
 * taken in the same run.
 */
import type { LoadResult } from "./load.ts";
import { type Pair, startPair } from "./pair.ts";
import { loadPeer, type PeerName } from "./peer.ts";
import { median } from "./statistics.ts";

export interface SuiteOptions {
  readonly peers: readonly PeerName[];
  readonly inflight: readonly number[];
  readonly rounds: number;
  /** The shortest and the longest time under load before anything of a peer is measured. */
  readonly warmUpMs: { readonly min: number; readonly max: number };
  /** Load at each number in flight, just before it is measured. */
  readonly settleMs: number;
  readonly measureMs: number;
  /** Told what is being done now, for people. */
  readonly onProgress: (text: string) => void;
}

export interface Row {
  readonly peer: PeerName;
  readonly inflight: number;
  readonly callsPerSecond: number;
  readonly p50Us: number;
  readonly p99Us: number;
  /** Client and server together. */
  readonly cpuSecondsPer1000Calls: number;
  readonly clientCpuSecondsPer1000Calls: number;
  readonly serverCpuSecondsPer1000Calls: number;
  /** Calls per second of each round, in order: how far the rounds lie apart. */
  readonly roundCallsPerSecond: readonly number[];
}

interface Sample extends LoadResult {
  readonly clientCpu: number;
  readonly serverCpu: number;
}

export async function runRpcSuite(options: SuiteOptions): Promise<Row[]> {
  // A peer that cannot be loaded ends the run before the minutes are spent, not in the middle.
  for (const name of options.peers) await loadPeer(name);
  await using stack = new AsyncDisposableStack();
  const pairs: [PeerName, Pair][] = [];
  for (const peer of options.peers) {
    const pair = stack.use(await startPair(peer, { maxInflight: Math.max(...options.inflight) }));
    await warmUp(peer, pair, options);
    pairs.push([peer, pair]);
  }
  const samples = new Map<string, Sample[]>();
  for (let round = 1; round <= options.rounds; round++) {
    for (const [peer, pair] of pairs) {
      for (const inflight of options.inflight) {
        const sample = await measure(pair, inflight, options);
        const key = keyOf(peer, inflight);
        samples.set(key, [...(samples.get(key) ?? []), sample]);
        options.onProgress(`round ${round}/${options.rounds}  ${peer} @${inflight}  ${rateOf(sample)}`);
      }
    }
  }
  return options.peers.flatMap((peer) =>
    options.inflight.map((inflight) => toRow(peer, inflight, samples.get(keyOf(peer, inflight)) ?? [])),
  );
}

/** Loads the pair a second at a time until two seconds in a row are no faster than the best before them. */
async function warmUp(peer: PeerName, pair: Pair, options: SuiteOptions): Promise<void> {
  const stepMs = 1_000;
  const inflight = Math.max(...options.inflight);
  let best = 0;
  let spentMs = 0;
  for (let flat = 0; spentMs < options.warmUpMs.max; ) {
    const load = await pair.client.ask<LoadResult>({ ask: "load", inflight, settleMs: 0, measureMs: stepMs });
    spentMs += stepMs;
    flat = load.callsPerSecond > best * 1.03 ? 0 : flat + 1;
    best = Math.max(best, load.callsPerSecond);
    options.onProgress(`warm-up  ${peer} @${inflight}  ${rateOf(load)}`);
    if (flat >= 2 && spentMs >= options.warmUpMs.min) return;
  }
}

/**
 * CPU time is read while both ends are idle, before and after the whole load, and divided by all the
 * calls between: no call is counted on one side and missed on the other.
 */
async function measure(pair: Pair, inflight: number, options: SuiteOptions): Promise<Sample> {
  const readCpu = async () => ({
    client: await pair.client.ask<number>({ ask: "cpu" }),
    server: await pair.server.ask<number>({ ask: "cpu" }),
  });
  const before = await readCpu();
  const load = await pair.client.ask<LoadResult>({
    ask: "load",
    inflight,
    settleMs: options.settleMs,
    measureMs: options.measureMs,
  });
  const after = await readCpu();
  const thousands = load.calls / 1_000;
  return {
    ...load,
    clientCpu: (after.client - before.client) / thousands,
    serverCpu: (after.server - before.server) / thousands,
  };
}

function toRow(peer: PeerName, inflight: number, samples: readonly Sample[]): Row {
  const middle = (pick: (sample: Sample) => number) => median(samples.map(pick));
  return {
    peer,
    inflight,
    callsPerSecond: round(
      middle((s) => s.callsPerSecond),
      0,
    ),
    p50Us: round(
      middle((s) => s.p50Us),
      1,
    ),
    p99Us: round(
      middle((s) => s.p99Us),
      1,
    ),
    cpuSecondsPer1000Calls: round(
      middle((s) => s.clientCpu + s.serverCpu),
      5,
    ),
    clientCpuSecondsPer1000Calls: round(
      middle((s) => s.clientCpu),
      5,
    ),
    serverCpuSecondsPer1000Calls: round(
      middle((s) => s.serverCpu),
      5,
    ),
    roundCallsPerSecond: samples.map((s) => round(s.callsPerSecond, 0)),
  };
}

/**
 * `heddle/grpc-js@64`: calls per second of the first over those of the second, both medians of this
 * run. Only pairs whose two peers were measured appear.
 */
export function toRatios(rows: readonly Row[]): Record<string, number> {
  const ratios: Record<string, number> = {};
  for (const row of rows) {
    if (row.peer !== "heddle" && row.peer !== "heddle-transport") continue;
    for (const other of rows) {
      const isPeerOfHeddle = !other.peer.startsWith("heddle");
      if (other.inflight === row.inflight && isPeerOfHeddle) {
        ratios[`${row.peer}/${other.peer}@${row.inflight}`] = round(
          row.callsPerSecond / other.callsPerSecond,
          3,
        );
      }
    }
  }
  return ratios;
}

function rateOf(load: LoadResult): string {
  return `${Math.round(load.callsPerSecond).toLocaleString("en")} calls/s`;
}

function keyOf(peer: PeerName, inflight: number): string {
  return `${peer}@${inflight}`;
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
