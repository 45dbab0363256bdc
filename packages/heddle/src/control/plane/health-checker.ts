/**
 * Checks the instances that the registry holds, by what they or their services say, and tells the registry what it
 * finds. What another control plane holds is checked there; what is only remembered is not checked.
 */
import { equals } from "@bufbuild/protobuf";
import type { ClientTlsOptions } from "../../connection/tls.ts";
import {
  type HealthCheck,
  HealthCheckSchema,
  type Instance,
  InstanceHealth,
} from "../../gen/heddle/registry/v1/registry_pb.ts";
import { resolveCheckRules } from "../../health/check-rules.ts";
import type { Health } from "../../health/health-state.ts";
import { createProbeSchedule, type DueProbe } from "../../health/probe-schedule.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import type { Timer } from "../../runtime/timer.ts";
import { probe } from "./probe.ts";
import type { Registry, RegistryChange } from "./registry.ts";
import type { ServiceSettings } from "./service-settings.ts";

export interface HealthCheckerOptions {
  readonly registry: Registry;
  readonly settings: ServiceSettings;
  readonly runtime: Runtime;
  /** Probes that may run at once. Default 64. */
  readonly maxRunning?: number | undefined;
  readonly tls?: ClientTlsOptions | undefined;
}

/** Starts to check; disposing ends all probes. */
export function startHealthChecker(options: HealthCheckerOptions): Disposable {
  const { registry, settings, runtime, maxRunning = 64, tls } = options;
  const { clock, timers, random } = runtime;
  const schedule = createProbeSchedule<Checked>({ maxRunning, random });
  const closing = new AbortController();
  let timer: Timer | undefined;
  let timerDueMs = Number.POSITIVE_INFINITY;

  function follow(id: string): void {
    const record = registry.find(id);
    const holds = record?.heldBy === "stream" || record?.heldBy === "static";
    const check = holds ? (record.check ?? settings.get(record.given.service)?.check) : undefined;
    const known = schedule.get(id);
    if (record === undefined || check === undefined) {
      schedule.delete(id);
      if (holds) registry.setHealth(id, InstanceHealth.UNSPECIFIED);
      return;
    }
    if (known !== undefined && isAsBefore(known, record.given, check)) return;
    // What another control plane found stays until it is found out here.
    if (known !== undefined) registry.setHealth(id, InstanceHealth.UNSPECIFIED);
    schedule.set(id, { instance: record.given, check }, resolveCheckRules(check), clock.now());
    arm();
  }

  function onChange({ before, after, healthOnly }: RegistryChange): void {
    if (healthOnly) return;
    const id = (after ?? before)?.id;
    if (id !== undefined) follow(id);
  }

  function run(): void {
    timerDueMs = Number.POSITIVE_INFINITY;
    for (let due = schedule.take(clock.now()); due !== undefined; due = schedule.take(clock.now()))
      void carryOut(due);
    arm();
  }

  async function carryOut(due: DueProbe<Checked>): Promise<void> {
    const ok = await isWorking(due);
    if (closing.signal.aborted) return;
    const health = schedule.report(due, ok, clock.now());
    if (health !== undefined) registry.setHealth(due.key, HEALTH[health]);
    arm();
  }

  async function isWorking({
    key,
    check: { instance, check },
    timeoutMs,
  }: DueProbe<Checked>): Promise<boolean> {
    const { kind } = check;
    if (kind.case === undefined) return true;
    if (kind.case === "ttl") {
      const heardAtMs = registry.heardAt(key);
      return (
        heardAtMs !== undefined && clock.now() - heardAtMs <= (kind.value.ttlMs || registry.leaseTtlMs / 2)
      );
    }
    const target = { address: instance.address, tls: instance.tls ?? false };
    return probe(kind, target, { timeoutMs, signal: closing.signal, runtime, tls });
  }

  function arm(): void {
    const dueMs = schedule.nextDueAt();
    if (closing.signal.aborted || dueMs >= timerDueMs) return;
    timer?.cancel();
    timerDueMs = dueMs;
    timer = timers.after(Math.max(0, dueMs - clock.now()), run);
  }

  registry.observe(onChange);
  settings.observe((service) => {
    for (const { id } of registry.list(service).instances) follow(id);
  });
  for (const { id } of registry.list("").instances) follow(id);

  return {
    [Symbol.dispose]() {
      closing.abort();
      timer?.cancel();
    },
  };
}

interface Checked {
  readonly instance: Instance;
  readonly check: HealthCheck;
}

const HEALTH: Readonly<Record<Health, InstanceHealth>> = {
  unknown: InstanceHealth.UNSPECIFIED,
  healthy: InstanceHealth.HEALTHY,
  unhealthy: InstanceHealth.UNHEALTHY,
};

/** The same process at the same place, checked in the same way: what is known of it holds. */
function isAsBefore(known: Checked, instance: Instance, check: HealthCheck): boolean {
  const { instance: before } = known;
  return (
    before.incarnation === instance.incarnation &&
    before.address === instance.address &&
    before.tls === instance.tls &&
    (known.check === check || equals(HealthCheckSchema, known.check, check))
  );
}
