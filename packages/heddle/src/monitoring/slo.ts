/**
 * Service level objectives as people write them down: for a service, or one method of it, which share of the calls is to be
 * good, and which share of the answers is to be there in time.
 *
 * One objective here becomes up to two indicators, each with its own error budget. A promise about time has to stand on a
 * bound of the histogram's buckets: what lies between two bounds, Prometheus can only guess.
 */
import { isJsonObject } from "../call/json-object.ts";
import { statusCodeNames } from "../policy/status-code.ts";
import { checkFields, type Fault, show, unknownField } from "../policy/check-value.ts";
import { type Fields, type Kind, number, whole } from "../policy/field.ts";
import { instruments } from "../telemetry/instruments.ts";

export interface Slo {
  /** Such as `orders-place`: the beginning of the names of its indicators. */
  readonly name: string;
  /** Under which the instances are registered. Measured at clients: that of the callers; absent for all of them. */
  readonly service?: string;
  /** `shop.v1.OrderService/PlaceOrder`, or `shop.v1.OrderService` for all of its methods. Default: all methods. */
  readonly method?: string;
  readonly objective: {
    /** Percent of the calls that do not fail by the service's fault. */
    readonly availability?: number;
    readonly latency?: {
      /** Of the calls that succeed. */
      readonly percent: number;
      /** One of the bounds of `rpc.server.call.duration`. */
      readonly belowMs: number;
    };
  };
  /** Days over which the budget holds. Default 30. */
  readonly windowDays?: number;
  /** Default `server`. */
  readonly measuredAt?: "server" | "client";
  /** Status codes that count against availability. Default: those that OpenTelemetry counts as errors of a server. */
  readonly badCodes?: readonly string[];
  /** Labels of alerts, such as `team`: by them Alertmanager finds who is to hear of it. */
  readonly labels?: Readonly<Record<string, string>>;
}

/** https://opentelemetry.io/docs/specs/semconv/rpc/grpc/ says of which codes the span of a server is an error. */
export const SERVER_FAULTS: readonly string[] = [
  "UNKNOWN",
  "DEADLINE_EXCEEDED",
  "UNIMPLEMENTED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS",
];

/** The promises that can be kept an eye on exactly, in ms. */
export const latencyBoundsMs: readonly number[] = instruments.serverCallDuration.bounds.map(
  (seconds) => Math.round(seconds * 1e6) / 1000,
);

export type ParsedSlos =
  | { readonly slos: readonly Slo[]; readonly faults?: undefined }
  | { readonly faults: readonly Fault[] };

/** `{ "slos": [ … ] }` of unknown origin. */
export function parseSlos(value: unknown): ParsedSlos {
  if (!isJsonObject(value))
    return { faults: [{ path: [], reason: `it must be an object, not ${show(value)}` }] };
  const faults: Fault[] = [];
  const { slos, ...strangers } = value;
  for (const name of Object.keys(strangers))
    faults.push({ path: [name], reason: unknownField(name, ["slos"]) });
  const list: readonly unknown[] = Array.isArray(slos) ? slos : [];
  if (list.length === 0)
    faults.push({ path: ["slos"], reason: `it must be a list of at least 1, not ${show(slos)}` });
  const names = new Set<string>();
  for (const [index, one] of list.entries()) {
    const path = ["slos", index] as const;
    if (!isJsonObject(one)) {
      faults.push({ path, reason: `it must be an object, not ${show(one)}` });
      continue;
    }
    const { labels, ...others } = one;
    checkFields(others, SLO, path, faults);
    checkTexts(others, path, faults);
    checkLabels(labels, [...path, "labels"], faults);
    const { name } = one;
    if (typeof name === "string" && names.has(name))
      faults.push({ path: ["slos", index, "name"], reason: `${show(name)} is there twice` });
    if (typeof name === "string") names.add(name);
  }
  return faults.length > 0 ? { faults } : { slos: list as readonly Slo[] };
}

function checkTexts(slo: Readonly<Record<string, unknown>>, path: Fault["path"], faults: Fault[]): void {
  const { name, method, service, measuredAt = "server", objective } = slo;
  const wrong = (field: string, reason: string) => void faults.push({ path: [...path, field], reason });
  if (typeof name === "string" && !/^[a-z0-9]([a-z0-9-]{0,50}[a-z0-9])?$/.test(name))
    wrong("name", `it is made of a-z, 0-9 and "-", 52 at most, not ${show(name)}`);
  if (typeof method === "string" && !/^[\w.]+(\/\w+)?$/.test(method))
    wrong(
      "method",
      `it is such as shop.v1.OrderService/PlaceOrder or shop.v1.OrderService, not ${show(method)}`,
    );
  if (service === undefined && measuredAt === "server")
    wrong("service", "it is missing: the name under which the instances are registered");
  if (service === undefined && method === undefined)
    wrong("method", "without a service, it says whose calls are meant");
  if (!isJsonObject(objective)) return;
  const { availability, latency } = objective;
  if (availability === undefined && latency === undefined)
    wrong("objective", "it must hold availability, latency, or both");
  const belowMs = isJsonObject(latency) ? latency["belowMs"] : undefined;
  if (typeof belowMs === "number" && !latencyBoundsMs.includes(belowMs))
    faults.push({
      path: [...path, "objective", "latency", "belowMs"],
      reason: `it must be a bound of the histogram, one of ${latencyBoundsMs.join(", ")}, not ${belowMs}`,
    });
}

/** Their names are the user's, so no table has them. */
function checkLabels(labels: unknown, at: Fault["path"], faults: Fault[]): void {
  if (labels === undefined) return;
  if (!isJsonObject(labels))
    return void faults.push({ path: at, reason: `it must be an object, not ${show(labels)}` });
  for (const [name, value] of Object.entries(labels)) {
    const path = [...at, name];
    if (!/^[a-zA-Z_]\w*$/.test(name) || name.startsWith("__") || TAKEN.has(name))
      faults.push({ path, reason: "it cannot be the name of a label here" });
    else if (typeof value !== "string" || value.includes("{{"))
      faults.push({ path, reason: `it must be a text without templates, not ${show(value)}` });
  }
}

/** Those that rules set. */
const TAKEN: ReadonlySet<string> = new Set(["slo", "service", "severity", "alertname", "window"]);

/** All of it would be no objective, for there would be no budget to burn. */
const percent: Kind = number("percent", { min: 0, max: 99.9999, above: true });

const LATENCY: Fields = {
  percent: {
    is: percent,
    does: "Of the calls that succeed, those that are in time.",
    otherwise: "",
    required: true,
  },
  belowMs: { is: number("ms"), does: "What in time means.", otherwise: "", required: true },
};

const OBJECTIVE: Fields = {
  availability: {
    is: percent,
    does: "Of all calls, those that do not fail by the service's fault.",
    otherwise: "nothing is promised",
  },
  latency: {
    is: { kind: "object", fields: LATENCY },
    does: "How many of the answers come in which time.",
    otherwise: "nothing is promised",
  },
};

const SLO: Fields = {
  name: { is: { kind: "text" }, does: "How it is called.", otherwise: "", required: true },
  service: { is: { kind: "text" }, does: "Who serves.", otherwise: "all, at clients" },
  method: {
    is: { kind: "text" },
    does: "Which method, or service of the contract.",
    otherwise: "all methods",
  },
  objective: {
    is: { kind: "object", fields: OBJECTIVE },
    does: "What is promised.",
    otherwise: "",
    required: true,
  },
  // Over less than four weeks, three days of the slowest alert would be a budget's normal use.
  windowDays: { is: whole("", 28, 90), does: "For which time the budget is.", otherwise: "30" },
  measuredAt: {
    is: { kind: "word", words: ["server", "client"] },
    does: "Who counts: `server` what was answered, `client` what callers saw.",
    otherwise: "`server`",
  },
  badCodes: {
    is: { kind: "list", of: { kind: "word", words: statusCodeNames }, atLeast: 1 },
    does: "What counts against availability.",
    otherwise: SERVER_FAULTS.join(", "),
  },
};
