/**
 * Whom a change breaks of those that run: what breaks by the descriptors, times what callers said that they use. Three answers are
 * told apart with care, for somebody deletes a field because of them: somebody uses it; nobody does, as far as everybody said;
 * and not everybody said. Pure.
 */
import type { DescMessage, DescMethod } from "@bufbuild/protobuf";
import type { Contract } from "./contract.ts";
import type { ContractBreak } from "./contract-break.ts";
import { errorDetailsOf, restBindingsOf, restReachOf, typesFrom } from "./rest-reach.ts";

/** What one service used of one method on one day. */
export interface LiveUsage {
  readonly day: string;
  readonly caller: string;
  readonly method: string;
  readonly json: boolean;
  readonly calls: number;
  /** Of the calls, those by plain HTTP. */
  readonly restCalls: number;
  readonly sampledCalls: number;
  readonly fields: readonly { readonly field: string; readonly readIn: number; readonly setIn: number }[];
  readonly fieldsCut: boolean;
}

/** A contract that runs, with what of it the new one breaks. */
export interface DeployedContract {
  readonly contract: Contract;
  readonly breaks: readonly ContractBreak[];
  readonly instances: readonly string[];
  /** False: it is not answered over plain HTTP, so nobody notices what changes there. Default true. */
  readonly rest?: boolean;
}

export interface LiveFacts {
  readonly usage: readonly LiveUsage[];
  /** The day it is, as in `usage`. */
  readonly today: string;
  /** Instances that are there and do not say what they use, by name. */
  readonly silent: readonly string[];
  /** Usage was lost, or somebody could not be asked. */
  readonly gaps: readonly string[];
}

export interface LiveBreak {
  readonly change: ContractBreak;
  /** Instances that answer what is changed. */
  readonly instances: readonly string[];
  /**
   * - `breaks`: somebody uses it
   * - `unused`: all have said what they use, and nobody uses it
   * - `unknown`: nobody is known to use it, and not all have said
   * - `harmless`: no running program notices; who is built anew does
   */
  readonly state: "breaks" | "unused" | "unknown" | "harmless";
  readonly callers: readonly LiveCaller[];
  /** How much was looked at: calls that could have used it, and in how many of them fields were noted. */
  readonly looked: { readonly calls: number; readonly sampledCalls: number };
  /** Why it is not known. */
  readonly unknown: readonly string[];
}

export interface LiveCaller {
  /** Short name of a service. */
  readonly caller: string;
  readonly how: "calls" | "reads" | "sets";
  readonly method: string;
  readonly today: number;
  /** Over all days. */
  readonly total: number;
  /** Worked out from a part of the calls. */
  readonly about: boolean;
}

export function findLiveBreaks(
  deployed: readonly DeployedContract[],
  facts: LiveFacts,
): readonly LiveBreak[] {
  const found = new Map<string, Found>();
  for (const { breaks, contract, instances, rest = true } of deployed) {
    for (const change of breaks) {
      if (change.noticed === "rest" && !rest) continue;
      const key = `${change.name}\n${change.what}`;
      const known = found.get(key);
      if (known === undefined) found.set(key, { change, contract, rest, instances: [...instances] });
      else {
        known.instances.push(...instances);
        known.rest ||= rest;
      }
    }
  }
  return [...found.values()].map(({ change, contract, rest, instances }) => ({
    ...judge(change, contract, rest, facts),
    change,
    instances: [...new Set(instances)].toSorted(),
  }));
}

interface Found {
  readonly change: ContractBreak;
  readonly contract: Contract;
  readonly instances: string[];
  rest: boolean;
}

type Judgement = Pick<LiveBreak, "state" | "callers" | "looked" | "unknown">;

function judge(change: ContractBreak, contract: Contract, rest: boolean, facts: LiveFacts): Judgement {
  const none = { callers: [], looked: { calls: 0, sampledCalls: 0 }, unknown: [] };
  if (change.noticed === "none") return { ...none, state: "harmless" };
  const uses = usesOf(change, contract);
  const concerned = facts.usage.filter((row) => uses.methods.has(row.method) && notices(row, change.noticed));
  const used = callersAmong(
    change.noticed === "rest" && uses.fields === undefined ? concerned.map(byRest) : concerned,
    uses,
    facts.today,
  );
  // One of several ways is changed, and calls are counted by method.
  const isEitherWay = change.noticed === "rest" && hasSeveralBindings(change.touched, contract);
  const callers = isEitherWay ? [] : used;
  const looked = {
    calls: sum(concerned, ({ calls }) => calls),
    sampledCalls: sum(concerned, ({ sampledCalls }) => sampledCalls),
  };
  const unknown = [
    ...silentReasons(facts.silent),
    ...facts.gaps,
    ...(concerned.some(({ fieldsCut }) => fieldsCut) && uses.fields !== undefined
      ? ["a caller uses more fields than are counted"]
      : []),
    ...uncountedReasons(change, contract, facts.usage),
    ...(isEitherWay ? used.map(eitherWayReason) : []),
    ...(rest && isSeenByRest(change, contract)
      ? ["callers over plain HTTP that are not in the mesh do not say what they use"]
      : []),
  ];
  const state = callers.length > 0 ? "breaks" : unknown.length > 0 ? "unknown" : "unused";
  return { state, callers, looked, unknown };
}

function notices(row: LiveUsage, noticed: ContractBreak["noticed"]): boolean {
  if (noticed === "rest") return row.restCalls > 0;
  return noticed === "all" || row.json;
}

function byRest(row: LiveUsage): LiveUsage {
  return { ...row, calls: row.restCalls, sampledCalls: Math.min(row.sampledCalls, row.restCalls) };
}

function hasSeveralBindings(touched: ContractBreak["touched"], contract: Contract): boolean {
  if (touched.kind !== "method") return false;
  const service = contract.services.get(touched.method.slice(0, touched.method.lastIndexOf("/")));
  const method = service?.methods.find((one) => nameOf(one) === touched.method);
  return method !== undefined && restBindingsOf(method, contract).length > 1;
}

function eitherWayReason({ caller, today, total }: LiveCaller): string {
  return `${caller} has called over plain HTTP ${total} times, ${today} of them today, by which of its paths is not counted`;
}

function silentReasons(silent: readonly string[]): readonly string[] {
  if (silent.length === 0) return [];
  return [
    `${silent.join(", ")} ${silent.length === 1 ? "does" : "do"} not say what ${silent.length === 1 ? "it uses" : "they use"}`,
  ];
}

/**
 * Fields are counted in requests and answers. What travels with an error is read without being seen, and so is what a
 * `google.protobuf.Any` or a queue carries: a type that no method holds has a use that nobody tells.
 */
function uncountedReasons(
  { touched }: ContractBreak,
  contract: Contract,
  usage: readonly LiveUsage[],
): readonly string[] {
  const type = typeOf(touched);
  if (type === undefined) return [];
  const declaring = methodsWith(type, contract, errorDetailsOf);
  const called = [...declaring].filter((method) =>
    usage.some((row) => row.method === method && row.calls > 0),
  );
  if (called.length > 0) return [`what is read of errors is not counted, and ${called.join(", ")} is called`];
  if (declaring.size > 0 || reaching(type, contract).size > 0) return [];
  return [`${type} is in no request and no answer of a method, and what is read elsewhere is not counted`];
}

function typeOf(touched: ContractBreak["touched"]): string | undefined {
  switch (touched.kind) {
    case "field":
      return touched.field.slice(0, touched.field.lastIndexOf("."));
    case "message":
      return touched.message;
    case "enum":
      return touched.enum;
    default:
      return undefined;
  }
}

interface Uses {
  /** Methods whose callers are concerned, if they use one of the fields. */
  readonly methods: ReadonlySet<string>;
  /** Undefined: who calls is broken. */
  readonly fields: ((name: string) => boolean) | undefined;
}

function usesOf({ touched }: ContractBreak, contract: Contract): Uses {
  switch (touched.kind) {
    case "none":
      return { methods: new Set(), fields: undefined };
    case "method":
      return { methods: new Set([touched.method]), fields: undefined };
    case "service":
      return {
        methods: new Set(
          contract.services.get(touched.service)?.methods.map((method) => nameOf(method)) ?? [],
        ),
        fields: undefined,
      };
    case "field": {
      const { field } = touched;
      return {
        methods: reaching(field.slice(0, field.lastIndexOf(".")), contract),
        fields: (name) => name === field,
      };
    }
    case "message": {
      const prefix = `${touched.message}.`;
      const isOwn = (name: string) => name.startsWith(prefix) && !name.slice(prefix.length).includes(".");
      return { methods: reaching(touched.message, contract), fields: isOwn };
    }
    case "enum": {
      const holders = new Set<string>();
      for (const { typeName, fields } of contract.messages.values())
        for (const field of fields)
          if (field.enum?.typeName === touched.enum) holders.add(`${typeName}.${field.name}`);
      return { methods: reaching(touched.enum, contract), fields: (name) => holders.has(name) };
    }
  }
}

/** Methods whose requests or answers hold the type. */
function reaching(type: string, contract: Contract): ReadonlySet<string> {
  return methodsWith(type, contract, ({ input, output }) => [input, output]);
}

/** Methods of which one of these messages holds the type. */
function methodsWith(
  type: string,
  { services }: Contract,
  messagesOf: (method: DescMethod) => readonly DescMessage[],
): ReadonlySet<string> {
  const methods = [...services.values()].flatMap((service) => service.methods);
  const holds = (method: DescMethod) =>
    [...typesFrom(messagesOf(method))].some(({ typeName }) => typeName === type);
  return new Set(methods.filter(holds).map(nameOf));
}

function nameOf({ parent, name }: DescMethod): string {
  return `${parent.typeName}/${name}`;
}

function callersAmong(rows: readonly LiveUsage[], { fields }: Uses, today: string): readonly LiveCaller[] {
  const callers = new Map<string, { -readonly [Name in keyof LiveCaller]: LiveCaller[Name] }>();
  const add = (row: LiveUsage, how: LiveCaller["how"], count: number, about: boolean) => {
    if (count === 0) return;
    const key = `${row.caller}\n${how}\n${row.method}`;
    let known = callers.get(key);
    if (known === undefined)
      callers.set(
        key,
        (known = { caller: row.caller, how, method: row.method, today: 0, total: 0, about: false }),
      );
    known.total += count;
    if (row.day === today) known.today += count;
    known.about ||= about;
  };
  for (const row of rows) {
    if (fields === undefined) {
      add(row, "calls", row.calls, false);
      continue;
    }
    const used = row.fields.filter(({ field }) => fields(field));
    // Of several fields the one that is used most says how often at least one of them is.
    for (const [how, counted] of [
      ["reads", Math.max(0, ...used.map(({ readIn }) => readIn))],
      ["sets", Math.max(0, ...used.map(({ setIn }) => setIn))],
    ] as const)
      add(row, how, extrapolate(counted, row), row.sampledCalls < row.calls);
  }
  return [...callers.values()].toSorted((a, b) => b.today - a.today || b.total - a.total);
}

/** An answer that is read in a later report than it was counted in may make more of them than were looked at. */
function extrapolate(counted: number, { calls, sampledCalls }: LiveUsage): number {
  if (counted === 0) return 0;
  if (sampledCalls === 0) return counted;
  return Math.max(1, Math.round(calls * Math.min(1, counted / sampledCalls)));
}

function isSeenByRest({ broken, touched }: ContractBreak, contract: Contract): boolean {
  if (!broken.includes("rest")) {
    if (touched.kind !== "method" && touched.kind !== "service") return false;
    const reach = restReachOf(contract);
    if (touched.kind === "method") return reach.methods.has(touched.method);
    return [...reach.methods].some((method) => method.startsWith(`${touched.service}/`));
  }
  return true;
}

function sum<Item>(items: readonly Item[], valueOf: (item: Item) => number): number {
  return items.reduce((total, item) => total + valueOf(item), 0);
}
