/**
 * The memory suite: does a call leave anything behind? One million calls on one client, with heap and
 * resident memory of both processes read after the first tenth, when everything is warm, and at the
 * end. Growth of any figure beyond the limit fails the run. Resident memory is read twice: as it stands,
 * which includes a young generation that V8 may still be enlarging, and after V8 has given its free
 * pages back, which grows only by what is kept.
 */
import type { MemoryFigures } from "../harness/answering.ts";
import { startPair } from "../harness/pair.ts";

export interface MemoryOptions {
  readonly peer: string;
  readonly inflight: number;
  /** All calls, those before the first reading included. */
  readonly calls: number;
  readonly onProgress: (text: string) => void;
}

export interface MemoryRow {
  readonly process: "client" | "server";
  readonly figure: "heap" | "rss" | "settled rss";
  readonly earlyBytes: number;
  readonly endBytes: number;
  /** End over early. */
  readonly ratio: number;
}

export interface MemoryResult {
  readonly rows: readonly MemoryRow[];
  readonly withinLimit: boolean;
}

/** How much more than at the early reading a process may hold at the end: 10 %. */
export const growthLimit = 1.1;

export async function runMemorySuite(options: MemoryOptions): Promise<MemoryResult> {
  await using pair = await startPair("rpc", options.peer, {
    maxInflight: options.inflight,
    // A young generation of fixed size: V8 would otherwise enlarge it for as long as the load lasts, and the
    // resident memory would tell of that and not of what calls leave behind.
    nodeFlags: ["--expose-gc", "--min-semi-space-size=16", "--max-semi-space-size=16"],
  });
  const run = (operations: number) => pair.client.ask({ ask: "count", level: options.inflight, operations });
  const read = async () => ({
    client: await pair.client.ask<MemoryFigures>({ ask: "memory" }),
    server: await pair.server.ask<MemoryFigures>({ ask: "memory" }),
  });

  const earlyCalls = Math.floor(options.calls / 10);
  await run(earlyCalls);
  const early = await read();
  options.onProgress(`${earlyCalls.toLocaleString("en")} calls done`);
  await run(options.calls - earlyCalls);
  const end = await read();
  options.onProgress(`${options.calls.toLocaleString("en")} calls done`);

  const rows = (["client", "server"] as const).flatMap((process) => [
    toRow(process, "heap", early[process].heapBytes, end[process].heapBytes),
    toRow(process, "rss", early[process].rssBytes, end[process].rssBytes),
    toRow(process, "settled rss", early[process].settledRssBytes, end[process].settledRssBytes),
  ]);
  return { rows, withinLimit: rows.every((row) => row.ratio <= growthLimit) };
}

function toRow(
  process: MemoryRow["process"],
  figure: MemoryRow["figure"],
  earlyBytes: number,
  endBytes: number,
): MemoryRow {
  return { process, figure, earlyBytes, endBytes, ratio: Number((endBytes / earlyBytes).toFixed(3)) };
}
