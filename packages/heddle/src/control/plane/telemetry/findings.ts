/**
 * Known mistakes, as far as what processes tell shows them: each with what was seen and what to do. What cannot be seen from
 * it is not guessed. Pure.
 */
import type { CallRecord } from "../../../call/record.ts";
import type { Finding } from "./api.ts";
import type { StoredCall } from "./call-store.ts";
import { clockAheadOf } from "./reporters.ts";
import type { AnswerParts } from "./service-answers.ts";
import { Tallies } from "./tally.ts";

export function findingsOf(parts: AnswerParts): readonly Finding[] {
  const calls = parts.store.calls.list();
  return [
    ...noDeadline(calls),
    ...childOutlivesParent(calls),
    ...retriesAtSeveralLayers(calls),
    ...hotInstances(parts),
    ...clockSkew(parts),
    ...unusedServices(parts),
  ];
}

/** Of calls that ended: one that went on for long while nobody would have ended it. */
function noDeadline(calls: readonly StoredCall[]): readonly Finding[] {
  const endless = calls.filter(
    ({ record }) =>
      record.side === "client" &&
      record.deadlineMs === Number.POSITIVE_INFINITY &&
      record.attempts.length > 0,
  );
  return grouped(endless).map(([service, method, found]) => ({
    id: `no-deadline ${service} ${method}`,
    kind: "no-deadline",
    severity: "warning",
    service,
    title: `${service} calls ${method} without a deadline`,
    evidence: [`${count(found, "kept call")} had none; the longest took ${ms(longest(found))}`],
    fix: "Leave timeoutMs out, which gives 15 s, or name one; Infinity is for streams that stay open.",
  }));
}

/** Only where it did harm: the call failed when its parent's time was over. */
function childOutlivesParent(calls: readonly StoredCall[]): readonly Finding[] {
  const cut = calls.filter(
    ({ record: { status, inherited } }) =>
      status === "DEADLINE_EXCEEDED" && inherited !== undefined && inherited.wantedMs > inherited.deadlineMs,
  );
  return grouped(cut).map(([service, method, found]) => {
    const [first] = found as [StoredCall];
    const { inherited } = first.record as CallRecord & Required<Pick<CallRecord, "inherited">>;
    return {
      id: `child-outlives-parent ${service} ${method}`,
      kind: "child-outlives-parent",
      severity: "warning",
      service,
      title: `${service} gives ${method} more time than its own callers give it`,
      evidence: [
        `${count(found, "kept call")} ended with the deadline of the call that was served`,
        `for example ${first.record.id}: ${ms(inherited.wantedMs)} wanted, inside ${inherited.method}, which had ${ms(inherited.deadlineMs)} in all`,
      ],
      fix: `Give ${method} a timeout well below that of ${inherited.method}, so that there is time for an answer without it.`,
    };
  });
}

/** In one trace a call was repeated, and one that was made on its behalf was repeated, too. */
function retriesAtSeveralLayers(calls: readonly StoredCall[]): readonly Finding[] {
  const repeated = calls.filter(
    ({ record }) => record.side === "client" && record.traceId !== undefined && record.attempts.length > 1,
  );
  const findings = new Map<string, Finding>();
  for (const ofTrace of Map.groupBy(repeated, ({ record }) => record.traceId ?? "").values()) {
    const outer = ofTrace.find(({ service }) => service !== ofTrace[0]?.service);
    const [inner] = ofTrace;
    if (outer === undefined || inner === undefined) continue;
    const id = `retries-at-several-layers ${outer.service} ${inner.service}`;
    findings.set(id, {
      id,
      kind: "retries-at-several-layers",
      severity: "warning",
      service: outer.service,
      title: `${outer.service} and ${inner.service} both repeat calls of one request`,
      evidence: [
        `trace ${inner.record.traceId}: ${outer.record.method} was sent ${outer.record.attempts.length} times, ${inner.record.method} ${inner.record.attempts.length} times`,
      ],
      fix: "Repeat at one layer, the one nearest to what fails: attempts multiply. Set retry: false for the method at the others.",
    });
  }
  return [...findings.values()];
}

/** One instance serves twice what an equal share were, of enough calls to tell. */
function hotInstances({ store, registry, nowMs }: AnswerParts): readonly Finding[] {
  const tallies = new Tallies();
  for (const [point] of store.series.points(nowMs - HOT_WINDOW_MS, nowMs))
    if (point.key.kind === "instance") tallies.of(`${point.key.service}\n${point.key.instance}`).add(point);
  const findings: Finding[] = [];
  for (const [service, instances] of Map.groupBy(registry.list("").instances, (one) => one.service)) {
    const loads = instances.map(({ id, weight }) => ({
      id,
      weight: weight ?? 1,
      calls: tallies.of(`${service}\n${id}`).calls,
    }));
    const all = loads.reduce((sum, { calls }) => sum + calls, 0);
    const weights = loads.reduce((sum, { weight }) => sum + weight, 0);
    if (instances.length < 2 || all < MIN_HOT_CALLS || weights === 0) continue;
    for (const { id, weight, calls } of loads) {
      const factor = (calls / all) * (weights / weight);
      if (!(factor >= HOT_FACTOR)) continue;
      findings.push({
        id: `hot-instance ${service} ${id}`,
        kind: "hot-instance",
        severity: "warning",
        service,
        title: `${id} serves ${factor.toFixed(1)} times its share of ${service}`,
        evidence: [`${calls} of ${all} calls in ten minutes, among ${instances.length} instances`],
        fix: "See whether callers choose it: by hash of one frequent key, by zone, or because they were started before the others.",
      });
    }
  }
  return findings;
}

const HOT_WINDOW_MS = 600_000;
const HOT_FACTOR = 2;
const MIN_HOT_CALLS = 1_000;

function clockSkew({ store }: AnswerParts): readonly Finding[] {
  const findings: Finding[] = [];
  for (const reporter of store.reporters.all()) {
    const ahead = clockAheadOf(reporter);
    if (ahead === null || Math.abs(ahead) < SKEW_MS) continue;
    const { service, instance, clockAheadMs } = reporter;
    findings.push({
      id: `clock-skew ${service} ${instance}`,
      kind: "clock-skew",
      severity: "note",
      service,
      title: `The clock of ${instance} is ${ms(Math.abs(ahead))} ${ahead > 0 ? "ahead of" : "behind"} the control plane's`,
      evidence: [`as ${clockAheadMs.length} reports show, less what they took on their way`],
      fix: "Let both machines follow a time server (chrony, systemd-timesyncd). Deadlines do not suffer, certificates and times in logs do.",
    });
  }
  return findings;
}

const SKEW_MS = 2_000;

/** Instances that answer a contract of which nobody has called a method while the store has looked. */
function unusedServices({ store, registry, nowMs }: AnswerParts): readonly Finding[] {
  const sinceMs = store.series.sinceMs;
  if (sinceMs === undefined || nowMs - sinceMs < UNUSED_AFTER_MS) return [];
  const called = new Set<string>();
  for (const [{ key }] of store.series.points(sinceMs, nowMs))
    if (key.kind === "served" || key.kind === "made")
      called.add(key.method.slice(0, key.method.indexOf("/")));
  const findings: Finding[] = [];
  for (const [service, instances] of Map.groupBy(registry.list("").instances, (one) => one.service)) {
    // Of one whose figures do not come nothing is known.
    if (!instances.every(({ id }) => store.reporters.get(service, id) !== undefined)) continue;
    for (const contract of new Set(instances.flatMap(({ contracts }) => contracts)))
      if (!called.has(contract))
        findings.push({
          id: `unused-contract ${service} ${contract}`,
          kind: "unused-contract",
          severity: "note",
          service,
          title: `Nobody calls ${contract}`,
          evidence: [
            `no call in ${Math.floor((nowMs - sinceMs) / 60_000)} minutes; all ${instances.length} instances of ${service} report`,
          ],
          fix: "If heddle contract check --live shows no use in weeks either, it can go.",
        });
  }
  return findings;
}

const UNUSED_AFTER_MS = 3_600_000;

/** By service that calls and method. */
function grouped(
  calls: readonly StoredCall[],
): readonly (readonly [string, string, readonly StoredCall[]])[] {
  return [...Map.groupBy(calls, ({ service, record }) => `${service}\n${record.method}`)].map(
    ([key, found]) => {
      const [service = "", method = ""] = key.split("\n");
      return [service, method, found];
    },
  );
}

function longest(calls: readonly StoredCall[]): number {
  return Math.max(...calls.map(({ record }) => record.elapsedMs));
}

function count(calls: readonly unknown[], what: string): string {
  return `${calls.length} ${what}${calls.length === 1 ? "" : "s"}`;
}

function ms(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return "any time";
  return value >= 10_000 ? `${Math.round(value / 1000)} s` : `${Math.round(value)} ms`;
}
