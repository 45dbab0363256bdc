/**
 * `heddle contract check --live`: the contract here against those that instances answer, times what callers use. Each control plane
 * that `--registry` names is asked, for each knows what it was told.
 */
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { invalidOption } from "../call/check-option.ts";
import { compareContracts } from "../contract/compatibility/compare-contracts.ts";
import { type Contract, readContract } from "../contract/compatibility/contract.ts";
import {
  type DeployedContract,
  findLiveBreaks,
  type LiveBreak,
  type LiveCaller,
  type LiveUsage,
} from "../contract/compatibility/live-breaks.ts";
import { CONTRACT_HASH_KEY } from "../discovery/contract-hash.ts";
import { DEFAULT_REGISTRY_ADDRESS } from "../discovery/registry-address.ts";
import {
  type Contract as PublishedContract,
  ContractService,
  type ListUsageResponse,
  RestMode,
} from "../gen/heddle/contract/v1/contract_pb.ts";
import { type Instance, InstanceOrigin, RegistryService } from "../gen/heddle/registry/v1/registry_pb.ts";
import { choiceOf, type ContractCommandOptions, describe, placeText } from "./contract-words.ts";
import { contractHere, createPathFinder } from "./contract-files.ts";
import { withControlPlane } from "./with-control-plane.ts";

export async function checkLive(options: ContractCommandOptions): Promise<number> {
  const days = daysOf(options.days);
  const choice = choiceOf(options);
  const here = await contractHere(choice);
  const known = createKnown();
  for (const url of eachPlane(options.registry)) {
    const code = await withControlPlane("contract", url, async (transport) => {
      await ask(transport, days, known);
      return 0;
    });
    if (code !== 0) return code;
  }
  const { deployed, notes, silent } = compareDeployed(here, known);
  const found = findLiveBreaks(deployed, {
    usage: known.usage,
    today: known.today,
    silent,
    gaps: known.gaps,
  });
  const find = createPathFinder(choice);
  if (options.json === true) printJson(found, find, { days, silent, notes, known });
  else print(found, find, { days, known });
  for (const note of notes) process.stderr.write(`heddle contract: ${note}\n`);
  const breaking = found.filter(({ state }) => state === "breaks").length;
  const unknown = found.filter(({ state }) => state === "unknown").length;
  process.stderr.write(`heddle contract: ${summary(found.length, breaking, unknown, deployed.length)}\n`);
  return breaking > 0 || (options.strict === true && (unknown > 0 || notes.length > 0)) ? 1 : 0;
}

/** What all control planes together know. */
interface Known {
  readonly instances: Map<string, Instance>;
  readonly contracts: Map<string, PublishedContract>;
  readonly usage: LiveUsage[];
  readonly reporters: Set<string>;
  readonly gaps: string[];
  today: string;
  since: string;
}

function createKnown(): Known {
  return {
    instances: new Map(),
    contracts: new Map(),
    usage: [],
    reporters: new Set(),
    gaps: [],
    today: "",
    since: "",
  };
}

async function ask(
  transport: Parameters<Parameters<typeof withControlPlane>[2]>[0],
  days: number,
  known: Known,
): Promise<void> {
  const registry = createClient(RegistryService, transport);
  const contracts = createClient(ContractService, transport);
  const { instances } = await registry.listInstances({}, TIMELY);
  for (const instance of instances) known.instances.set(instance.id, instance);
  const hashes = new Set(instances.flatMap(({ metadata }) => metadata[CONTRACT_HASH_KEY] ?? []));
  for (const hash of hashes) {
    if (known.contracts.has(hash)) continue;
    const { contract } = await contracts.getContract({ hash }, TIMELY).catch(noneOf);
    if (contract !== undefined) known.contracts.set(hash, contract);
  }
  take(await contracts.listUsage({ days }, TIMELY), known);
}

function noneOf(error: unknown): { readonly contract?: undefined } {
  if (ConnectError.from(error).code === Code.NotFound) return {};
  throw error;
}

function take({ rows, reporters, incomplete, today, since }: ListUsageResponse, known: Known): void {
  for (const { day, caller, usage } of rows) {
    if (usage === undefined) continue;
    const { method, json, calls, sampledCalls, fields, fieldsCut } = usage;
    known.usage.push({
      day,
      caller,
      method,
      json,
      calls: Number(calls),
      sampledCalls: Number(sampledCalls),
      fields: fields.map(({ field, readIn, setIn }) => ({
        field,
        readIn: Number(readIn),
        setIn: Number(setIn),
      })),
      fieldsCut,
    });
  }
  for (const { service, instance, ageMs } of reporters)
    if (ageMs <= SILENT_AFTER_MS) known.reporters.add(`${service}\n${instance}`);
  if (incomplete) known.gaps.push("the control plane was told of more than it keeps");
  if (today > known.today) known.today = today;
  if (since !== "" && (known.since === "" || since < known.since)) known.since = since;
}

interface Compared {
  readonly deployed: readonly DeployedContract[];
  /** What could not be compared. */
  readonly notes: readonly string[];
  readonly silent: readonly string[];
}

function compareDeployed(here: Contract, known: Known): Compared {
  const byHash = new Map<string, string[]>();
  const nameless: string[] = [];
  const silent: string[] = [];
  for (const { id, service, metadata, contracts, origin } of known.instances.values()) {
    const hash = metadata[CONTRACT_HASH_KEY];
    if (hash !== undefined && known.contracts.has(hash)) byHash.set(hash, [...(byHash.get(hash) ?? []), id]);
    else if (contracts.some((name) => isOurs(name, here))) nameless.push(id);
    // A second server of a process has a number behind its name, and reports with the first.
    const says = [id, id.replace(/\.\d+$/, "")].some((name) => known.reporters.has(`${service}\n${name}`));
    if (!says && origin !== InstanceOrigin.STATIC) silent.push(id);
    else if (!says) silent.push(`${id} (static)`);
  }
  const deployed = [...byHash].map(([hash, instances]) => {
    const published = known.contracts.get(hash) as PublishedContract;
    const contract = limitTo(readPublished(published), here);
    const conventions = contract.conventions;
    return { contract, instances, breaks: compareContracts(contract, { ...here, conventions }) };
  });
  const notes =
    nameless.length === 0
      ? []
      : [`what ${nameless.toSorted().join(", ")} answers is not known, and not compared`];
  return { deployed, notes, silent: silent.toSorted() };
}

function readPublished({ descriptorSet, rest }: PublishedContract): Contract {
  return readContract(descriptorSet, { conventions: rest === RestMode.CONVENTIONS });
}

/** What is deployed of other contracts is not missing here: only files of packages that are here, too, are compared. */
function limitTo(deployed: Contract, here: Contract): Contract {
  const isIn = ({ file }: { readonly file: { readonly proto: { readonly package: string } } }) =>
    here.packages.has(file.proto.package);
  const kept = <Part extends Parameters<typeof isIn>[0]>(parts: ReadonlyMap<string, Part>) =>
    new Map([...parts].filter(([, part]) => isIn(part)));
  return {
    ...deployed,
    files: new Map([...deployed.files].filter(([, file]) => here.packages.has(file.proto.package))),
    messages: kept(deployed.messages),
    enums: kept(deployed.enums),
    services: kept(deployed.services),
    extensions: kept(deployed.extensions),
  };
}

function isOurs(service: string, here: Contract): boolean {
  return here.packages.has(service.slice(0, Math.max(0, service.lastIndexOf("."))));
}

// Words.

interface Shown {
  readonly days: number;
  readonly known: Known;
}

function print(
  found: readonly LiveBreak[],
  find: (file: string) => string | undefined,
  { days, known }: Shown,
): void {
  for (const { change, state, callers, looked, unknown, instances } of found) {
    const lines = [`${placeText(change, find)}: ${change.what}`];
    switch (state) {
      case "breaks":
        lines.push(
          ...callers.map(
            (caller) => `${deed(change.rules[0] ?? "")} ${change.name} breaks ${callerText(caller, days)}`,
          ),
        );
        break;
      case "unused":
        lines.push(
          `no live ${isField(change.touched.kind) ? "reader" : "caller"}: ${lookedText(looked, days, known)}`,
        );
        break;
      case "unknown":
        lines.push("nobody is known to use it, but not all have said what they use");
        break;
      case "harmless":
        lines.push("no running program notices; programs that are built anew do");
    }
    lines.push(...unknown.map((reason) => `unknown: ${reason}`));
    lines.push(`answered by ${instances.join(", ")}`);
    process.stdout.write(`${lines.map((line, i) => (i === 0 ? line : `  ${line}`)).join("\n")}\n`);
  }
  if (found.length === 0) process.stdout.write("no breaking changes against what is deployed\n");
}

function printJson(
  found: readonly LiveBreak[],
  find: (file: string) => string | undefined,
  {
    days,
    silent,
    notes,
    known,
  }: Shown & { readonly silent: readonly string[]; readonly notes: readonly string[] },
): void {
  const changes = found.map(({ change, ...rest }) => ({ ...describe(change, find), ...rest }));
  const { today, since } = known;
  process.stdout.write(`${JSON.stringify({ version: 1, today, since, days, changes, silent, notes })}\n`);
}

function summary(changes: number, breaking: number, unknown: number, deployed: number): string {
  if (deployed === 0) return "nothing that is deployed answers this contract, as far as it is known";
  const parts = [
    `${changes} breaking ${changes === 1 ? "change" : "changes"}`,
    `${breaking} of them for live callers`,
  ];
  return unknown === 0 ? parts.join(", ") : `${parts.join(", ")}, ${unknown} not known`;
}

function deed(rule: string): string {
  return rule.includes("NO_DELETE") ? "removing" : "changing";
}

/** "billing (read about 12 k times today, 84 k in 7 days, in answers of …)" */
function callerText({ caller, how, method, today, total, about }: LiveCaller, days: number): string {
  const verb = { calls: "called", reads: "read", sets: "set" }[how];
  const where = { calls: "", reads: `, in answers of ${method}`, sets: `, in requests of ${method}` }[how];
  const count = (n: number) => `${about && n > 0 ? "about " : ""}${countText(n)}`;
  const all = days === 1 || total === today ? "" : `, ${count(total)} in ${days} days`;
  return `${caller} (${verb} ${count(today)} ${today === 1 ? "time" : "times"} today${all}${where})`;
}

function lookedText(
  { calls, sampledCalls }: LiveBreak["looked"],
  days: number,
  { since, today }: Known,
): string {
  if (calls === 0)
    return `nobody has called a method that has it ${days === 1 || since === today ? "today" : `in ${days} days`}${since === "" ? "" : `, and it is watched since ${since}`}`;
  // With none in n, the share is below 3/n in 95 of 100 cases.
  const bound =
    sampledCalls >= 30 && sampledCalls < calls
      ? ` (less than 1 in ${countText(Math.floor(sampledCalls / 3))}, with 95 %)`
      : "";
  const part =
    sampledCalls < calls
      ? `${countText(sampledCalls)} that were looked at, of ${countText(calls)}`
      : countText(calls);
  return `in none of ${part} calls since ${since}${bound}`;
}

/** 12 345 → 12 k, which is as exact as it is. */
function countText(count: number): string {
  if (count < 10_000) return String(count);
  if (count < 1_000_000) return `${Math.round(count / 1_000)} k`;
  return `${(count / 1_000_000).toFixed(1)} M`;
}

function isField(kind: string): boolean {
  return kind === "field" || kind === "message" || kind === "enum";
}

function daysOf(days: string | undefined): number {
  if (days === undefined) return 7;
  if (/^[1-9]\d{0,2}$/.test(days)) return Number(days);
  throw invalidOption("days", `it is a number from 1 to 999, and not "${days}"`);
}

/** Each of the hosts by itself. */
function eachPlane(registry: string | undefined): readonly string[] {
  const text = registry ?? (process.env["HEDDLE_REGISTRY"] || DEFAULT_REGISTRY_ADDRESS);
  const parts = /^(heddle:\/\/)([^/?#]*)(.*)$/.exec(text);
  if (parts === null) return [text];
  const [, scheme = "", hosts = "", rest = ""] = parts;
  return hosts.split(",").map((host) => `${scheme}${host}${rest}`);
}

const TIMELY = { timeoutMs: 5_000 };
/** Reports come every half a minute; three of them may get lost. */
const SILENT_AFTER_MS = 120_000n;
