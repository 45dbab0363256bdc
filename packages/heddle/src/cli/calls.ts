/** `heddle calls`, `heddle explain` and `heddle stats`: what the control plane keeps of calls. */
import type { CallPage, Calls, CallSummary, Red, Services } from "../control/plane/telemetry/api.ts";
import { oneLine } from "../call/one-line.ts";
import { statsFromPrometheus } from "../discovery/service-stats.ts";
import { askPlane } from "./ask-plane.ts";
import { table } from "./table.ts";

export interface CallsOptions {
  readonly registry?: string | undefined;
  readonly json?: boolean | undefined;
  readonly failed?: boolean | undefined;
  readonly slow?: boolean | undefined;
  readonly service?: string | undefined;
  readonly method?: string | undefined;
  readonly limit?: string | undefined;
}

export async function calls(options: CallsOptions): Promise<number> {
  const {
    registry,
    json = false,
    failed = false,
    slow = false,
    service = "",
    method = "",
    limit = "20",
  } = options;
  const state = failed ? "failed" : slow ? "slow" : "";
  const query = new URLSearchParams({ state, service, method, limit });
  return await askPlane<Calls>("calls", registry, `calls?${query}`, (answer) => {
    if (json) process.stdout.write(`${JSON.stringify(answer)}\n`);
    else process.stdout.write(answer.calls.length === 0 ? whyNone(answer) : tableOf(answer.calls));
    return 0;
  });
}

function whyNone({ kept }: Calls): string {
  if (kept.sinceMs === null)
    return "no calls are kept: no process has told any since the control plane started\n";
  return `none of the ${kept.count} calls that are kept (since ${timeOf(kept.sinceMs)}) is like that\n`;
}

function tableOf(found: readonly CallSummary[]): string {
  return table(
    ["TIME", "ID", "STATE", "SIDE", "SERVICE", "METHOD", "STATUS", "CODE", "MS", "ATTEMPTS"],
    found.map((call) => [
      timeOf(call.startedMs),
      call.id,
      call.state,
      call.side,
      call.service,
      call.method,
      call.status,
      call.errorCode ?? "-",
      call.elapsedMs.toFixed(1),
      String(call.attempts),
    ]),
  );
}

function timeOf(ms: number): string {
  return Number.isFinite(ms) && Math.abs(ms) < 8e15 ? new Date(ms).toISOString().slice(11, 23) : "-";
}

export interface ExplainOptions {
  readonly registry?: string | undefined;
  readonly json?: boolean | undefined;
}

export async function explainCall(id: string, { registry, json = false }: ExplainOptions): Promise<number> {
  return await askPlane<CallPage>("explain", registry, `call/${encodeURIComponent(id)}`, (page) => {
    if (json) process.stdout.write(`${JSON.stringify(page)}\n`);
    else process.stdout.write(explained(page));
    return 0;
  });
}

function explained({ explanation, trace, similar }: CallPage): string {
  const lines = [explanation.sentence, ...explanation.details.map((line) => `  ${line}`)];
  for (const call of trace)
    lines.push(
      `  same trace: ${call.side} ${call.service} ${call.method} ${call.status} after ${call.elapsedMs.toFixed(1)} ms, heddle explain ${call.id}`,
    );
  if (similar.calls > 1)
    lines.push(
      `  alike: ${similar.calls} kept calls since ${timeOf(similar.sinceMs)}, told by ${similar.services.join(", ")}`,
    );
  return `${lines.map((line) => (line.startsWith("  ") ? `  ${oneLine(line.slice(2))}` : oneLine(line))).join("\n")}\n`;
}

export interface StatsOptions {
  readonly registry?: string | undefined;
  readonly json?: boolean | undefined;
  /** URL of a Prometheus that is asked instead. */
  readonly prometheus?: string | undefined;
  /** Seconds. */
  readonly window?: string | undefined;
}

export async function stats(service: string | undefined, options: StatsOptions): Promise<number> {
  const { registry, json = false, prometheus, window = "300" } = options;
  if (prometheus !== undefined && service !== undefined) {
    const found = await statsFromPrometheus(service, {
      url: prometheus,
      windowSeconds: Number(window),
      timeoutMs: 3_000,
    });
    if (found === undefined) {
      process.stderr.write(`heddle stats: Prometheus has no figures of "${service}"\n`);
      return 1;
    }
    process.stdout.write(
      json ? `${JSON.stringify(found)}\n` : table(HEADING, [rowOf(service, { ...found, meanMs: null })]),
    );
    return 0;
  }
  return await askPlane<Services>(
    "stats",
    registry,
    `services?window=${encodeURIComponent(window)}`,
    (answer) => {
      const rows = answer.services.filter(({ name }) => service === undefined || name === service);
      if (rows.length === 0 && service !== undefined) {
        process.stderr.write(`heddle stats: there is no service "${service}", and no figures of one\n`);
        return 1;
      }
      if (json) process.stdout.write(`${JSON.stringify({ ...answer, services: rows })}\n`);
      else
        process.stdout.write(
          rows.length === 0
            ? "no services\n"
            : table(
                HEADING,
                rows.map(({ name, served }) => rowOf(name, served)),
              ),
        );
      return 0;
    },
  );
}

const HEADING = ["SERVICE", "CALLS/S", "FAILED", "P50 MS", "P99 MS"];

function rowOf(name: string, { rate, failedShare, p50Ms, p99Ms }: Omit<Red, "calls" | "failed">): string[] {
  const number = (value: number | null) => (value === null ? "-" : String(Number(value.toPrecision(3))));
  return [
    name,
    number(rate),
    failedShare === null ? "-" : `${number(failedShare * 100)} %`,
    number(p50Ms),
    number(p99Ms),
  ];
}
