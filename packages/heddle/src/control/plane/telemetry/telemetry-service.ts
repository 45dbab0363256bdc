/** What processes tell, on the wire: checked, and counted once. */
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, type ServiceImpl } from "@connectrpc/connect";
import { fromKeptCallMessage, MAX_LISTED } from "../../../discovery/kept-call-message.ts";
import {
  type CallCounts,
  CountKind,
  type KeptCall,
  ReportTelemetryResponseSchema,
  type TelemetryService,
} from "../../../gen/heddle/telemetry/v1/telemetry_pb.ts";
import type { Clock } from "../../../runtime/clock.ts";
import { checkName } from "../instance-check.ts";
import { LAST_BUCKET, LEAST_BUCKET } from "./latency.ts";
import type { SeriesKey, SeriesKind } from "./series-store.ts";
import type { TelemetryStore } from "./telemetry-store.ts";

export interface TelemetryServiceOptions {
  readonly store: TelemetryStore;
  readonly clock: Clock;
}

export function createTelemetryService({
  store,
  clock,
}: TelemetryServiceOptions): ServiceImpl<typeof TelemetryService> {
  return {
    reportTelemetry(report) {
      const { service, instance, epoch, counts, calls } = report;
      checkName("service", service);
      checkName("instance", instance);
      if (!/^[\x21-\x7e]{1,64}$/.test(epoch)) throw invalid("epoch: 1 to 64 characters of ASCII");
      if (!Number.isFinite(report.sentMs)) throw invalid("sent_ms: it is no time");
      checkCount("counts", counts, MAX_COUNTS);
      checkCount("calls", calls, MAX_CALLS);
      for (const each of counts) checkCounts(each);
      for (const each of calls) checkCall(each);
      const nowMs = clock.wallMs();
      if (!store.reporters.note(report, nowMs)) return create(ReportTelemetryResponseSchema);
      for (const each of counts) addCounts(store, service, instance, each, nowMs);
      for (const each of calls) store.calls.put({ service, instance, ...fromKeptCallMessage(each) });
      store.calls.lost += Number(report.callsLost);
      return create(ReportTelemetryResponseSchema);
    },
  };
}

function addCounts(
  store: TelemetryStore,
  service: string,
  instance: string,
  counts: CallCounts,
  nowMs: number,
) {
  const kind = KINDS[counts.kind];
  if (kind === undefined) return;
  const { method, peer, peerInstance, code, seconds, firstBucket } = counts;
  const counted = {
    calls: Number(counts.calls),
    seconds,
    first: firstBucket,
    counts: counts.buckets.map(Number),
  };
  const key: SeriesKey = { kind, service, method, peer, instance: peerInstance, code };
  store.series.add(nowMs, key, counted);
  if (kind === "served")
    store.series.add(nowMs, { ...key, kind: "instance", method: "", peer: "", instance }, counted);
}

const KINDS: Readonly<Partial<Record<CountKind, SeriesKind>>> = {
  [CountKind.SERVED]: "served",
  [CountKind.MADE]: "made",
  [CountKind.ATTEMPT]: "attempt",
  [CountKind.RETRY]: "retry",
};

function checkCounts({
  method,
  peer,
  peerInstance,
  code,
  calls,
  seconds,
  firstBucket,
  buckets,
}: CallCounts): void {
  checkTexts("counts", method, peer, peerInstance, code);
  if (calls > MAX_COUNT || buckets.some((count) => count > MAX_COUNT))
    throw invalid(`counts.calls: more than ${MAX_COUNT}`);
  if (!(seconds >= 0 && seconds < Number.MAX_SAFE_INTEGER)) throw invalid("counts.seconds: it is no time");
  if (firstBucket < LEAST_BUCKET || firstBucket + buckets.length > LAST_BUCKET)
    throw invalid(`counts.buckets: they lie between ${LEAST_BUCKET} and ${LAST_BUCKET}`);
}

function checkCall(call: KeptCall): void {
  if (!/^[0-9a-f]{16}$/.test(call.id)) throw invalid("calls.id: 16 hex digits");
  checkTexts("calls", call.method, call.peer, call.status, call.traceId, call.phase, call.stoppedBecause);
  const { error } = call;
  if (error !== undefined) checkTexts("calls.error", error.code, error.message, error.origin, error.hint);
  checkCount("calls.attempts", call.attempts, MAX_LISTED);
  for (const one of call.attempts)
    checkTexts("calls.attempts", one.instance, one.address, one.status, one.error);
  checkCount("calls.candidates", call.candidates, MAX_LISTED);
  for (const one of call.candidates)
    checkTexts("calls.candidates", one.instance, one.address, one.state, one.why);
  if (call.inherited !== undefined) checkTexts("calls.inherited", call.inherited.method);
}

function checkTexts(field: string, ...texts: readonly string[]): void {
  if (texts.some((text) => text.length > MAX_TEXT))
    throw invalid(`${field}: a text of more than ${MAX_TEXT} characters`);
}

function checkCount(field: string, list: readonly unknown[], max: number): void {
  if (list.length > max) throw invalid(`${field}: ${list.length}, more than ${max}`);
}

function invalid(message: string): ConnectError {
  return new ConnectError(message, Code.InvalidArgument);
}

const MAX_COUNTS = 2000;
const MAX_CALLS = 200;
const MAX_TEXT = 500;
const MAX_COUNT = 2 ** 40;
