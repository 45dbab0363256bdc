/** The answers about single calls. */
import { explain } from "../../../call/explain.ts";
import type { CallPage, Calls, CallSummary, KeptCalls } from "./api.ts";
import type { StoredCall } from "./call-store.ts";
import { ranked } from "./tally.ts";
import type { TelemetryStore } from "./telemetry-store.ts";

export interface CallQuery {
  readonly service: string | null;
  readonly state: string | null;
  readonly method: string | null;
  readonly code: string | null;
  readonly side: string | null;
  readonly trace: string | null;
  readonly limit: number;
}

export function callsOf(store: TelemetryStore, query: CallQuery, nowMs: number): Calls {
  const byState = { failed: 0, slow: 0, sampled: 0 };
  const codes = new Map<string, number>();
  const found: StoredCall[] = [];
  let matched = 0;
  for (const call of store.calls.list()) {
    if (!matches(call, query)) continue;
    matched++;
    byState[call.state]++;
    if (call.state === "failed") codes.set(codeOf(call), (codes.get(codeOf(call)) ?? 0) + 1);
    if (found.length < query.limit) found.push(call);
  }
  const calls = found.map(summaryOf);
  return { nowMs, calls, kept: keptCallsOf(store), matched, byState, byCode: ranked(codes) };
}

/** Undefined when it is not kept. */
export function callPageOf(store: TelemetryStore, id: string, nowMs: number): CallPage | undefined {
  const found = store.calls.get(id);
  if (found === undefined) return undefined;
  const { record } = found;
  const all = store.calls.list();
  const similar = all.filter(
    (call) =>
      call.record.method === record.method && call.state === found.state && codeOf(call) === codeOf(found),
  );
  const ofTrace = all.filter(
    (call) => record.traceId !== undefined && call.record.traceId === record.traceId,
  );
  return {
    nowMs,
    call: summaryOf(found),
    record,
    explanation: explain(record),
    trace: ofTrace
      .filter((call) => call !== found)
      .sort((one, other) => one.record.startedAtMs - other.record.startedAtMs)
      .map(summaryOf),
    similar: {
      calls: similar.length,
      sinceMs: Math.min(...similar.map((call) => call.record.startedAtMs)),
      services: [...new Set(similar.map(({ service }) => service))].sort(),
    },
    command: `heddle explain ${id}`,
  };
}

export function keptCallsOf({ calls }: TelemetryStore): KeptCalls {
  const { size, max, oldest, lost } = calls;
  return { count: size, max, sinceMs: oldest?.record.startedAtMs ?? null, lost };
}

export function summaryOf({ state, service, instance, record }: StoredCall): CallSummary {
  const { id, side, target, method, status, error, startedAtMs, elapsedMs, attempts, traceId } = record;
  return {
    id,
    state,
    side,
    service,
    instance,
    peer: target,
    method,
    status,
    errorCode: error?.code ?? null,
    startedMs: startedAtMs,
    elapsedMs,
    attempts: attempts.length,
    traceId: traceId ?? null,
    sentence: error === undefined ? null : explain(record).sentence,
  };
}

function codeOf({ record }: StoredCall): string {
  return record.error?.code ?? record.status;
}

function matches(call: StoredCall, { service, state, method, code, side, trace }: CallQuery): boolean {
  const { record } = call;
  return (
    (service === null || call.service === service) &&
    (state === null || call.state === state) &&
    (method === null || record.method === method || record.method.endsWith(`/${method}`)) &&
    (code === null || record.status === code || record.error?.code === code) &&
    (side === null || record.side === side) &&
    (trace === null || record.traceId === trace)
  );
}
