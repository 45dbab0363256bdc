/**
 * `npm run bench -- <suite> [options]`: reads the command line, runs one suite, prints its result on
 * stdout and everything else on stderr. Exit code 1 means that a suite failed or a limit was passed,
 * 2 that the command line was not understood.
 */
import { writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { describeMachine } from "./machine.ts";
import { runMemorySuite } from "./rpc/memory.ts";
import { isPeerName, type PeerName, peerNames } from "./rpc/peer.ts";
import { type RpcResult, toMarkdown, toText } from "./rpc/report.ts";
import { runRpcSuite, toRatios } from "./rpc/suite.ts";

const usage = `usage: npm run bench -- rpc [--quick] [--json] [--only name,name] [--inflight 1,64] [--write]
       npm run bench -- memory [--json] [--only name] [--inflight 64] [--calls 1000000]
peers: ${peerNames.join(", ")}`;

const full = { rounds: 5, warmUpMs: { min: 5_000, max: 12_000 }, settleMs: 300, measureMs: 3_000 };
const quick = { rounds: 3, warmUpMs: { min: 3_000, max: 8_000 }, settleMs: 200, measureMs: 1_000 };

class UsageError extends Error {}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (error instanceof UsageError) {
    say(`${error.message}\n${usage}`);
    process.exitCode = 2;
  } else {
    console.error(error);
    process.exitCode = 1;
  }
}

async function main(args: readonly string[]): Promise<number> {
  const { suite, options } = parse(args);
  if (suite === "rpc") return runRpc(options, args);
  if (suite === "memory") return runMemory(options);
  throw new UsageError(suite ? `there is no suite "${suite}"` : "which suite?");
}

function parse(args: readonly string[]) {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        quick: { type: "boolean", default: false },
        json: { type: "boolean", default: false },
        write: { type: "boolean", default: false },
        only: { type: "string" },
        inflight: { type: "string" },
        calls: { type: "string", default: "1000000" },
      },
    });
    if (positionals.length > 1) throw new UsageError("one suite at a time");
    return { suite: positionals[0], options: values };
  } catch (cause) {
    throw new UsageError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

type Options = ReturnType<typeof parse>["options"];

async function runRpc(options: Options, args: readonly string[]): Promise<number> {
  const isFull = !options.quick && options.only === undefined && options.inflight === undefined;
  if (options.write && !isFull)
    throw new UsageError("--write records a full run: leave the other choices out");
  const peers = toPeers(options.only) ?? peerNames;
  const inflight = toNumbers(options.inflight ?? "1,16,64,256");
  const date = new Date().toISOString();
  const machine = describeMachine();
  if (machine.loadAtStart > 0.5)
    say(`the machine is not idle (load ${machine.loadAtStart}): figures will be low`);

  const timing = options.quick ? quick : full;
  const rows = await runRpcSuite({ peers, inflight, ...timing, onProgress: say });
  const result: RpcResult = {
    suite: "rpc",
    node: process.version,
    date,
    command: `npm run bench -- ${args.join(" ")}`,
    machine,
    rows,
    ratios: toRatios(rows),
  };
  print(options.json ? JSON.stringify(result) : toText(result));
  if (options.write) await writeFile(new URL("RESULTS.md", import.meta.url), toMarkdown(result));
  return 0;
}

async function runMemory(options: Options): Promise<number> {
  const [peer = "heddle", ...more] = toPeers(options.only) ?? [];
  const [inflight = 64, ...levels] = toNumbers(options.inflight ?? "64");
  const [calls = 0] = toNumbers(options.calls);
  if (more.length + levels.length > 0) throw new UsageError("memory takes one peer and one number in flight");
  if (calls < 10) throw new UsageError("memory needs at least ten calls");
  const { rows, withinLimit } = await runMemorySuite({ peer, inflight, calls, onProgress: say });
  if (options.json) {
    const node = process.version;
    print(
      JSON.stringify({ suite: "memory", node, machine: describeMachine(), peer, calls, rows, withinLimit }),
    );
  } else {
    for (const { process: name, figure, earlyBytes, endBytes, ratio } of rows) {
      print(
        `${name} ${figure.padEnd(11)}  ${toMiB(earlyBytes)} -> ${toMiB(endBytes)}  ratio ${ratio.toFixed(3)}`,
      );
    }
  }
  if (!withinLimit) say("memory grew by more than 10 %");
  return withinLimit ? 0 : 1;
}

function toPeers(list: string | undefined): PeerName[] | undefined {
  return list?.split(",").map((name) => {
    if (!isPeerName(name)) throw new UsageError(`there is no peer "${name}"`);
    return name;
  });
}

function toNumbers(list: string): number[] {
  return list.split(",").map((text) => {
    const value = Number(text);
    if (!Number.isSafeInteger(value) || value < 1)
      throw new UsageError(`"${text}" is not a positive whole number`);
    return value;
  });
}

function toMiB(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1).padStart(6)} MiB`;
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}
