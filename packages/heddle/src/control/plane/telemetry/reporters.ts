/**
 * Who reports, and the latest that each has said of itself. A report that comes again is known by its sequence. What has
 * not been heard of for long is forgotten, and of too many the oldest. Pure.
 */
import type { ReportTelemetryRequest } from "../../../gen/heddle/telemetry/v1/telemetry_pb.ts";

export interface Reporter {
  readonly service: string;
  readonly instance: string;
  version: string;
  zone: string;
  epoch: string;
  sequence: bigint;
  /** By the clock of the control plane. */
  reportedMs: number;
  startedMs: number;
  /** Its clock against ours, as each of the last ten reports shows it. */
  clockAheadMs: readonly number[];
  eventLoopP99Ms: number | null;
  cpuSeconds: number | null;
  cpuShare: number | null;
  memoryBytes: number | null;
  heapUsedBytes: number | null;
}

export class Reporters {
  readonly #max: number;
  /** Oldest report first. */
  readonly #reporters = new Map<string, Reporter>();

  /** @param max default 20 000 */
  constructor(max = 20_000) {
    this.#max = max;
  }

  /** Notes what a report says of its sender; false when the report was counted before. */
  note(report: ReportTelemetryRequest, nowMs: number): boolean {
    const key = `${report.service}\n${report.instance}`;
    const known = this.#reporters.get(key);
    const isSame = known?.epoch === report.epoch;
    if (known !== undefined && isSame && report.sequence <= known.sequence) return false;
    const { service, instance, version, zone, epoch, sequence, startedMs, process } = report;
    const cpuSeconds = process?.cpuSeconds ?? null;
    const passed = isSame && known !== undefined ? (nowMs - known.reportedMs) / 1000 : 0;
    const before = isSame ? known?.cpuSeconds : undefined;
    const used = cpuSeconds !== null && typeof before === "number" ? cpuSeconds - before : null;
    this.#reporters.delete(key);
    this.#reporters.set(key, {
      service,
      instance,
      version,
      zone,
      epoch,
      sequence,
      reportedMs: nowMs,
      startedMs,
      clockAheadMs: [...(isSame ? (known?.clockAheadMs ?? []) : []), report.sentMs - nowMs].slice(-10),
      eventLoopP99Ms: process?.eventLoopP99Ms ?? null,
      cpuSeconds,
      cpuShare: used !== null && passed > 1 ? Math.max(0, used / passed) : (known?.cpuShare ?? null),
      memoryBytes: process?.memoryBytes ?? null,
      heapUsedBytes: process?.heapUsedBytes ?? null,
    });
    for (const [oldest, { reportedMs }] of this.#reporters) {
      if (this.#reporters.size <= this.#max && nowMs - reportedMs <= FORGOTTEN_AFTER_MS) break;
      this.#reporters.delete(oldest);
    }
    return true;
  }

  get(service: string, instance: string): Reporter | undefined {
    return this.#reporters.get(`${service}\n${instance}`);
  }

  all(): Iterable<Reporter> {
    return this.#reporters.values();
  }
}

/**
 * How far its clock is ahead of ours, in ms. A report arrives later than it was sent, never earlier: of several the one
 * that was fastest is nearest to the truth.
 */
export function clockAheadOf({ clockAheadMs }: Reporter): number | null {
  return clockAheadMs.length === 0 ? null : Math.round(Math.max(...clockAheadMs));
}

const FORGOTTEN_AFTER_MS = 3_600_000;
