/**
 * `npm run bench -- <suite> [options]`: reads the command line, runs one suite, prints its result on
 * stdout and everything else on stderr. Exit code 1 means that a suite failed or a limit was passed,
 * 2 that the command line was not understood.
 */
import { parseArgs } from "node:util";
import {
  toBalanceResult,
  toMarkdown as toBalanceMarkdown,
  toText as toBalanceText,
} from "./balance/report.ts";
import { toMarkdown as toPickMarkdown, toText as toPickText } from "./balance/pick/report.ts";
import { runPickSuite } from "./balance/pick/suite.ts";
import { type StudyName, studyNames } from "./balance/studies.ts";
import { toMarkdown as toRealMarkdown, toRealResult, toText as toRealText } from "./balance/real/report.ts";
import { runRealSuite } from "./balance/real/suite.ts";
import { runBalanceSuite } from "./balance/suite.ts";
import { type FixtureName, fixtureNames, isFixtureName } from "./codec/fixtures.ts";
import { contenderNames, isThere, type ContenderName } from "./discovery/contenders.ts";
import {
  type DiscoveryResult,
  toMarkdown as toDiscoveryMarkdown,
  toRatios as toDiscoveryRatios,
  toText as toDiscoveryText,
} from "./discovery/report.ts";
import { runDiscoverySuite } from "./discovery/suite.ts";
import { type CodecResult, toMarkdown as toCodecMarkdown, toText as toCodecText } from "./codec/report.ts";
import { runCodecSuite, toCodecRatios } from "./codec/suite.ts";
import {
  toMarkdown as toOverloadMarkdown,
  toOverloadFigures,
  toText as toOverloadText,
} from "./overload/report.ts";
import { contestantNames as overloadContestants } from "./overload/contestants.ts";
import { runOverloadSuite } from "./overload/suite.ts";
import { type Report, type RunResult, toMarkdown, toText, writeSection } from "./harness/report.ts";
import { runRounds, toRatios } from "./harness/rounds.ts";
import { loadSuite, type SuiteName } from "./harness/suite.ts";
import { idleLimitBytes, runIdleSuite } from "./idle/suite.ts";
import { describeMachine } from "./machine.ts";
import { report as payloadReport } from "./payload/report.ts";
import {
  toMarkdown as toRestartMarkdown,
  toRestartFigures,
  toText as toRestartText,
} from "./restart/report.ts";
import { runRestartSuite } from "./restart/suite.ts";
import { runMemorySuite } from "./rpc/memory.ts";
import { report as rpcReport } from "./rpc/report.ts";
import { report as restReport } from "./rest/report.ts";
import { report as streamReport } from "./stream/report.ts";
import { measureRecording, recordingLimitNs } from "./telemetry/recording.ts";

/** The suites that measure peers in rounds: what the levels of the load are called, and where they stand by default. */
const roundSuites: Record<SuiteName, { report: Report; levelOption: LevelOption; levels: string }> = {
  rpc: { report: rpcReport, levelOption: "inflight", levels: "1,16,64,256" },
  stream: { report: streamReport, levelOption: "streams", levels: "1,16" },
  tls: {
    report: { ...rpcReport, title: "unary calls with mutual TLS and without" },
    levelOption: "inflight",
    levels: "1,64,256",
  },
  telemetry: {
    report: { ...rpcReport, title: "unary calls with metrics and without" },
    levelOption: "inflight",
    levels: "1,64",
  },
  rest: { report: restReport, levelOption: "connections", levels: "16,64" },
  payload: { report: payloadReport, levelOption: "bytes", levels: "1024,16384,65536,262144,1048576,4194304" },
};
type LevelOption = "connections" | "inflight" | "streams" | "bytes";

const usage = `usage: npm run bench -- rpc [--quick] [--json] [--only name,name] [--inflight 1,64] [--write]
       npm run bench -- stream [--quick] [--json] [--only name,name] [--streams 1,16] [--write]
       npm run bench -- payload [--quick] [--json] [--only name,name] [--bytes 1024,1048576] [--write]
       npm run bench -- tls [--quick] [--json] [--only name,name] [--inflight 1,64] [--write]
       npm run bench -- rest [--quick] [--json] [--only name,name] [--connections 16,64] [--write]
       npm run bench -- telemetry [--quick] [--json] [--inflight 1,64] [--write]
       npm run bench -- codec [--quick] [--json] [--fixtures small,maps] [--write]
       npm run bench -- memory [--json] [--only name] [--inflight 64] [--calls 1000000]
       npm run bench -- idle [--json] [--connections 10000]
       npm run bench -- discovery [--quick] [--json] [--only heddle,etcd,consul] [--write]
       npm run bench -- balance --sim [--quick] [--json] [--only nine,ramp] [--threads 1] [--write]
       npm run bench -- balance --real [--quick] [--json] [--write]
       npm run bench -- balance --pick [--quick] [--json] [--write]
       npm run bench -- overload [--quick] [--json] [--only heddle,naive] [--write]
       npm run bench -- restart [--quick] [--json] [--write]`;

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
  if (suite !== undefined && Object.hasOwn(roundSuites, suite))
    return suite === "telemetry" ? runTelemetry(options, args) : runSuite(suite as SuiteName, options, args);
  if (suite === "codec") return runCodec(options, args);
  if (suite === "memory") return runMemory(options);
  if (suite === "idle") return runIdle(options);
  if (suite === "discovery") return runDiscovery(options, args);
  if (suite === "balance") return runBalance(options, args);
  if (suite === "overload") return runOverload(options, args);
  if (suite === "restart") return runRestart(options, args);
  throw new UsageError(suite ? `there is no suite "${suite}"` : "which suite?");
}

function parse(args: readonly string[]) {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        quick: { type: "boolean", default: false },
        sim: { type: "boolean", default: false },
        real: { type: "boolean", default: false },
        pick: { type: "boolean", default: false },
        json: { type: "boolean", default: false },
        write: { type: "boolean", default: false },
        only: { type: "string" },
        threads: { type: "string" },
        inflight: { type: "string" },
        streams: { type: "string" },
        bytes: { type: "string" },
        fixtures: { type: "string" },
        calls: { type: "string", default: "1000000" },
        connections: { type: "string" },
      },
    });
    if (positionals.length > 1) throw new UsageError("one suite at a time");
    return { suite: positionals[0], options: values };
  } catch (cause) {
    throw new UsageError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

type Options = ReturnType<typeof parse>["options"];

async function runSuite(suite: SuiteName, options: Options, args: readonly string[]): Promise<number> {
  const { report, levelOption, levels: defaultLevels } = roundSuites[suite];
  const chosenLevels = options[levelOption];
  const isFull = !options.quick && options.only === undefined && chosenLevels === undefined;
  if (options.write && !isFull)
    throw new UsageError("--write records a full run: leave the other choices out");
  const peers = await toPeers(suite, options.only);
  const levels = toNumbers(chosenLevels ?? defaultLevels);
  const date = new Date().toISOString();
  const machine = describeMachine();
  if (machine.loadAtStart > 0.5)
    say(`the machine is not idle (load ${machine.loadAtStart}): figures will be low`);

  const timing = options.quick ? quick : full;
  const rows = await runRounds({ suite, peers, levels, ...timing, onProgress: say });
  const command = `npm run bench -- ${args.join(" ")}`;
  const result: RunResult = {
    suite,
    node: process.version,
    date,
    command,
    machine,
    rows,
    ratios: toRatios(rows, (await loadSuite(suite)).ratios),
  };
  print(options.json ? JSON.stringify(result) : toText(result, report));
  if (options.write) await writeSection(toMarkdown(result, report));
  return 0;
}

/** What recording costs by itself, and then what all of it costs a call. */
async function runTelemetry(options: Options, args: readonly string[]): Promise<number> {
  const ns = measureRecording();
  say(`a counter and a histogram: ${ns.toFixed(1)} ns together; at most ${recordingLimitNs} are allowed`);
  const status = await runSuite("telemetry", options, args);
  return ns <= recordingLimitNs ? status : 1;
}

async function runCodec(options: Options, args: readonly string[]): Promise<number> {
  if (options.write && (options.quick || options.fixtures !== undefined))
    throw new UsageError("--write records a full run: leave the other choices out");
  const chosen = toFixtures(options.fixtures) ?? fixtureNames;
  const date = new Date().toISOString();
  const machine = describeMachine();
  const timing = options.quick
    ? { rounds: 3, warmUpMs: 150, measureMs: 60 }
    : { rounds: 7, warmUpMs: 400, measureMs: 100 };
  const rows = await runCodecSuite({ fixtures: chosen, ...timing, onProgress: say });
  const command = `npm run bench -- ${args.join(" ")}`;
  const ratios = toCodecRatios(rows);
  const result: CodecResult = { suite: "codec", node: process.version, date, command, machine, rows, ratios };
  print(options.json ? JSON.stringify(result) : toCodecText(result));
  if (options.write) await writeSection(toCodecMarkdown(result));
  return 0;
}

async function runDiscovery(options: Options, args: readonly string[]): Promise<number> {
  if (options.write && (options.quick || options.only !== undefined))
    throw new UsageError("--write records a full run: leave the other choices out");
  const contenders = toContenders(options.only);
  const date = new Date().toISOString();
  const machine = describeMachine();
  const timing = options.quick
    ? { sizes: [1, 10], rounds: 2, idleMs: 700, changeMs: 1_500, pickerRounds: 10 }
    : { sizes: [1, 10, 100], rounds: 3, idleMs: 700, changeMs: 1_800, pickerRounds: 120 };
  const measured = await runDiscoverySuite({
    ...timing,
    contenders,
    services: 1_000,
    pickers: 100,
    onProgress: say,
  });
  const command = `npm run bench -- ${args.join(" ")}`;
  const result: DiscoveryResult = {
    suite: "discovery",
    node: process.version,
    date,
    command,
    machine,
    ...measured,
    ratios: toDiscoveryRatios(measured),
  };
  print(options.json ? JSON.stringify(result) : toDiscoveryText(result));
  if (options.write) await writeSection(toDiscoveryMarkdown(result));
  return 0;
}

async function runBalance(options: Options, args: readonly string[]): Promise<number> {
  if (Number(options.sim) + Number(options.real) + Number(options.pick) !== 1)
    throw new UsageError(
      "balance runs in simulated fleets, against real processes, or by itself: say --sim, --real or --pick",
    );
  if (options.real) return runBalanceReal(options, args);
  if (options.pick) return runBalancePick(options, args);
  if (options.write && options.quick)
    throw new UsageError("--write records full runs, of all studies or of those named: leave --quick out");
  const machine = describeMachine();
  const date = new Date().toISOString();
  const rows = await runBalanceSuite({
    studies: toStudies(options.only),
    seeds: options.quick ? 3 : undefined,
    timing: options.quick ? { measureMs: 5_000 } : {},
    ...(options.threads === undefined ? {} : { threads: toNumbers(options.threads)[0] as number }),
    onProgress: say,
  });
  const command = `npm run bench -- ${args.join(" ")}`;
  const result = toBalanceResult({ node: process.version, date, command, machine }, rows);
  print(options.json ? JSON.stringify(result) : toBalanceText(result));
  if (options.write) for (const section of toBalanceMarkdown(result)) await writeSection(section);
  return 0;
}

async function runBalancePick(options: Options, args: readonly string[]): Promise<number> {
  if (options.write && options.quick) throw new UsageError("--write records a full run: leave --quick out");
  const date = new Date().toISOString();
  const machine = describeMachine();
  const plan = options.quick ? { rounds: 3, picks: 50_000 } : { rounds: 15, picks: 200_000 };
  const rows = await runPickSuite({ ...plan, instances: [10, 100, 1000], onProgress: say });
  const command = `npm run bench -- ${args.join(" ")}`;
  const result = { suite: "balance-pick" as const, node: process.version, date, command, machine, rows };
  print(options.json ? JSON.stringify(result) : toPickText(result));
  if (options.write) await writeSection(toPickMarkdown(result));
  return 0;
}

async function runBalanceReal(options: Options, args: readonly string[]): Promise<number> {
  if (options.write && options.quick) throw new UsageError("--write records a full run: leave --quick out");
  const date = new Date().toISOString();
  const machine = describeMachine();
  const plan = options.quick
    ? { rounds: 1, warmUpMs: 2_000, measureMs: 5_000 }
    : { rounds: 3, warmUpMs: 1_000, measureMs: 4_000 };
  const runs = await runRealSuite({ ...plan, onProgress: say });
  const command = `npm run bench -- ${args.join(" ")}`;
  const result = toRealResult({ node: process.version, date, command, machine }, runs);
  print(options.json ? JSON.stringify(result) : toRealText(result));
  if (options.write) await writeSection(toRealMarkdown(result));
  return 0;
}

async function runOverload(options: Options, args: readonly string[]): Promise<number> {
  if (options.write && (options.quick || options.only !== undefined))
    throw new UsageError("--write records a full run: leave the other choices out");
  const names = chosenOf("contestant", overloadContestants, options.only);
  const date = new Date().toISOString();
  const machine = describeMachine();
  const timing = options.quick
    ? { factors: [3], overloadMs: 4_000, recoveryMs: 6_000 }
    : { factors: [2, 3], overloadMs: 10_000, recoveryMs: 15_000 };
  const rows = await runOverloadSuite({ ...timing, contestants: names, onProgress: say });
  const command = `npm run bench -- ${args.join(" ")}`;
  const figures = toOverloadFigures(rows);
  const result = { suite: "overload" as const, node: process.version, date, command, machine, rows, figures };
  print(options.json ? JSON.stringify(result) : toOverloadText(result));
  if (options.write) await writeSection(toOverloadMarkdown(result));
  return 0;
}

/** Those of a list of names; all without one. */
function chosenOf<Name extends string>(
  what: string,
  known: readonly Name[],
  list: string | undefined,
): readonly Name[] {
  if (list === undefined) return known;
  return list.split(",").map((name) => {
    const found = known.find((one) => one === name);
    if (found === undefined)
      throw new UsageError(`there is no ${what} "${name}"; there are ${known.join(", ")}`);
    return found;
  });
}

async function runRestart(options: Options, args: readonly string[]): Promise<number> {
  if (options.write && options.quick) throw new UsageError("--write records a full run: leave --quick out");
  const date = new Date().toISOString();
  const machine = describeMachine();
  // While one is away the others take its calls: of twenty they then work at 84 %.
  const plan = options.quick
    ? { instances: 20, restarts: 1, steadyMs: 5_000 }
    : { instances: 20, restarts: 20, steadyMs: 30_000 };
  const run = await runRestartSuite({ ...plan, onProgress: say });
  const command = `npm run bench -- ${args.join(" ")}`;
  const figures = toRestartFigures(run);
  const result = { suite: "restart" as const, node: process.version, date, command, machine, run, figures };
  print(options.json ? JSON.stringify(result) : toRestartText(result));
  if (options.write) await writeSection(toRestartMarkdown(result));
  if (run.restarting.failed > 0) say(`${run.restarting.failed} calls failed`);
  return run.restarting.failed === 0 ? 0 : 1;
}

/** The studies of a list of names; all of them without one. */
function toStudies(list: string | undefined): readonly StudyName[] {
  return chosenOf("study", studyNames, list);
}

/** The registries of a list of names; without one Heddle, and those whose programs are here. */
function toContenders(list: string | undefined): readonly ContenderName[] {
  if (list === undefined) {
    const missing = contenderNames.filter((name) => !isThere(name));
    if (missing.length > 0)
      say(`not here, and left out: ${missing.join(", ")} (npm run test:real fetches them)`);
    return contenderNames.filter(isThere);
  }
  return list.split(",").map((name) => {
    const known = contenderNames.find((one) => one === name);
    if (known === undefined)
      throw new UsageError(`there is no registry "${name}"; there are ${contenderNames.join(", ")}`);
    return known;
  });
}

async function runIdle(options: Options): Promise<number> {
  const [connections = 0] = toNumbers(options.connections ?? "10000");
  const result = await runIdleSuite(connections);
  const { heapBytes, bufferBytes, rssBytes, withinLimit } = result;
  const toKiB = (bytes: number) => `${(bytes / 1024).toFixed(1)} KiB`;
  if (options.json)
    print(JSON.stringify({ suite: "idle", node: process.version, machine: describeMachine(), ...result }));
  else {
    print(
      `${connections} idle connections, each: heap ${toKiB(heapBytes)}, buffers ${toKiB(bufferBytes)}, RSS ${toKiB(rssBytes)}`,
    );
  }
  if (!withinLimit) say(`heap and buffers are over ${toKiB(idleLimitBytes)} a connection`);
  return withinLimit ? 0 : 1;
}

function toFixtures(list: string | undefined): FixtureName[] | undefined {
  return list?.split(",").map((name) => {
    if (!isFixtureName(name)) throw new UsageError(`there is no fixture "${name}"`);
    return name;
  });
}

async function runMemory(options: Options): Promise<number> {
  const [peer = "heddle", ...more] = await toPeers("rpc", options.only ?? "heddle");
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

/** The peers of a list of names; all of the suite without one. */
async function toPeers(suite: SuiteName, list: string | undefined): Promise<string[]> {
  const names = Object.keys((await loadSuite(suite)).peers);
  const chosen = list?.split(",") ?? names;
  const unknown = chosen.find((name) => !names.includes(name));
  if (unknown !== undefined)
    throw new UsageError(`there is no peer "${unknown}"; ${suite} has ${names.join(", ")}`);
  return chosen;
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
