/**
 * What instances have said of contracts: which ones they answer, and what they use of others', by day. All of it is bounded; what
 * does not fit is dropped, and whoever asks is told that something is missing. Pure: the day is given.
 */
import { create } from "@bufbuild/protobuf";
import { codecOf } from "../../contract/codec/codec.ts";
import {
  type Contract,
  ContractSchema,
  type FieldUsage,
  FieldUsageSchema,
  type MethodUsage,
  MethodUsageSchema,
  type ReportUsageRequest,
} from "../../gen/heddle/contract/v1/contract_pb.ts";

export interface ContractStoreLimits {
  /** Days of usage that are kept, today included. Default 14. */
  readonly maxDays: number;
  /** What one service used of one method on one day is a row. Default 20 000. */
  readonly maxRows: number;
  /** Fields in all rows. Default 400 000. */
  readonly maxFields: number;
  /** Fields in one row, which is written whole whenever something of it changes. Default 4000. */
  readonly maxRowFields: number;
  /** Default 256. */
  readonly maxContracts: number;
  /** All contracts together, in bytes. Default 64 MiB. */
  readonly maxContractBytes: number;
  /** Instances that say what they use. Default 20 000. */
  readonly maxReporters: number;
}

export const DEFAULT_CONTRACT_LIMITS: ContractStoreLimits = {
  maxDays: 14,
  maxRows: 20_000,
  maxFields: 400_000,
  maxRowFields: 4_000,
  maxContracts: 256,
  maxContractBytes: 64 * 1024 * 1024,
  maxReporters: 20_000,
};

/** Of one service, one method and one day. */
export interface UsageRecord {
  readonly day: string;
  readonly caller: string;
  readonly usage: MethodUsage;
}

export interface ReporterRecord {
  readonly service: string;
  readonly instance: string;
  lastWallMs: number;
}

/** `value` undefined: it is no longer kept. */
export type ContractChange = {
  readonly kind: "usage" | "contract";
  readonly key: string;
  readonly value: Uint8Array | undefined;
};

interface Row extends UsageRecord {
  readonly fields: Map<string, FieldUsage>;
}

export class ContractStore {
  readonly #limits: ContractStoreLimits;
  readonly #rows = new Map<string, Row>();
  readonly #contracts = new Map<string, { readonly contract: Contract; readonly bytes: number }>();
  readonly #reporters = new Map<string, ReporterRecord>();
  #contractBytes = 0;
  #fields = 0;
  #incompleteSince: string | undefined;
  /** Keys of what changed since it was taken. */
  readonly #changed = new Set<string>();

  constructor(limits: Partial<ContractStoreLimits> = {}) {
    this.#limits = { ...DEFAULT_CONTRACT_LIMITS, ...limits };
  }

  /** Something had no place, within the days that are kept. */
  get incomplete(): boolean {
    return this.#incompleteSince !== undefined;
  }

  get reporters(): Iterable<ReporterRecord> {
    return this.#reporters.values();
  }

  get rows(): Iterable<UsageRecord> {
    return this.#rows.values();
  }

  contract(hash: string): Contract | undefined {
    return this.#contracts.get(hash)?.contract;
  }

  /** Of these, the ones to be published. Those that are known count as used now. */
  unknownOf(hashes: readonly string[]): readonly string[] {
    return hashes.filter((hash) => {
      const known = this.#contracts.get(hash);
      if (known === undefined) return true;
      this.#contracts.delete(hash);
      this.#contracts.set(hash, known);
      return false;
    });
  }

  /** In the place of those that nobody has named for longest, where there are too many. */
  putContract(hash: string, contract: Contract): void {
    if (this.#contracts.has(hash)) return;
    const bytes = contract.descriptorSet.length;
    this.#contracts.set(hash, { contract, bytes });
    this.#contractBytes += bytes;
    this.#changed.add(`contract\n${hash}`);
    const { maxContracts, maxContractBytes } = this.#limits;
    for (const [oldest, { bytes: freed }] of this.#contracts) {
      if (this.#contracts.size <= maxContracts && this.#contractBytes <= maxContractBytes) break;
      this.#contracts.delete(oldest);
      this.#contractBytes -= freed;
      this.#changed.add(`contract\n${oldest}`);
    }
  }

  report({ service, instance, methods }: ReportUsageRequest, wallMs: number): void {
    const day = dayOf(wallMs);
    this.#forgetBefore(dayOf(wallMs - (this.#limits.maxDays - 1) * DAY_MS));
    this.#noteReporter(service, instance, wallMs);
    for (const usage of methods) this.#add(day, service, usage);
  }

  /** What has to be written to be kept. */
  takeChanges(): readonly ContractChange[] {
    const changes = [...this.#changed].map((key): ContractChange => {
      const at = key.indexOf("\n");
      const [kind, rest] = [key.slice(0, at) as ContractChange["kind"], key.slice(at + 1)];
      return { kind, key: rest, value: this.#encode(kind, rest) };
    });
    this.#changed.clear();
    return changes;
  }

  /** What was kept. Throws for what is none. */
  restore(kind: ContractChange["kind"], key: string, value: Uint8Array): void {
    if (kind === "contract") this.putContract(key, contracts.decode(value) as Contract);
    else {
      const [day = "", caller = ""] = key.split("\n");
      this.#add(day, caller, usages.decode(value) as MethodUsage);
    }
    this.#changed.delete(`${kind}\n${key}`);
  }

  #encode(kind: ContractChange["kind"], key: string): Uint8Array | undefined {
    if (kind === "contract") {
      const contract = this.contract(key);
      return contract && contracts.encode(contract);
    }
    const row = this.#rows.get(key);
    return row && usages.encode(row.usage);
  }

  #add(
    day: string,
    caller: string,
    { method, json, calls, restCalls, sampledCalls, fields, fieldsCut }: MethodUsage,
  ): void {
    const key = `${day}\n${caller}\n${method}\n${json ? "json" : "proto"}`;
    let row = this.#rows.get(key);
    if (row === undefined) {
      if (this.#rows.size >= this.#limits.maxRows) {
        this.#incompleteSince = day;
        return;
      }
      row = { day, caller, usage: create(MethodUsageSchema, { method, json }), fields: new Map() };
      this.#rows.set(key, row);
    }
    const { usage } = row;
    usage.calls = sumOf(usage.calls, calls);
    usage.restCalls = sumOf(usage.restCalls, restCalls);
    usage.sampledCalls = sumOf(usage.sampledCalls, sampledCalls);
    usage.fieldsCut ||= fieldsCut;
    for (const given of fields) this.#addField(row, given);
    this.#changed.add(`usage\n${key}`);
  }

  #addField({ fields, usage, day }: Row, { field, readIn, setIn }: FieldUsage): void {
    let known = fields.get(field);
    if (known === undefined) {
      if (fields.size >= this.#limits.maxRowFields) {
        usage.fieldsCut = true;
        return;
      }
      if (this.#fields >= this.#limits.maxFields) {
        this.#incompleteSince = day;
        usage.fieldsCut = true;
        return;
      }
      known = create(FieldUsageSchema, { field });
      fields.set(field, known);
      usage.fields.push(known);
      this.#fields++;
    }
    known.readIn = sumOf(known.readIn, readIn);
    known.setIn = sumOf(known.setIn, setIn);
  }

  #noteReporter(service: string, instance: string, wallMs: number): void {
    const key = `${service}\n${instance}`;
    this.#reporters.delete(key);
    this.#reporters.set(key, { service, instance, lastWallMs: wallMs });
    for (const [oldest, { lastWallMs }] of this.#reporters) {
      if (this.#reporters.size <= this.#limits.maxReporters && wallMs - lastWallMs <= DAY_MS) break;
      this.#reporters.delete(oldest);
    }
  }

  /** Days sort as their texts do. */
  #forgetBefore(day: string): void {
    if (this.#incompleteSince !== undefined && this.#incompleteSince < day) this.#incompleteSince = undefined;
    for (const [key, row] of this.#rows) {
      // Oldest first: a row is made on its day.
      if (row.day >= day) break;
      this.#rows.delete(key);
      this.#fields -= row.fields.size;
      this.#changed.add(`usage\n${key}`);
    }
  }
}

/** In UTC: `2026-03-01`. */
export function dayOf(wallMs: number): string {
  return new Date(wallMs).toISOString().slice(0, 10);
}

export const DAY_MS = 24 * 3_600_000;

/** What the wire can hold, whatever somebody says that it has counted. */
function sumOf(one: bigint, other: bigint): bigint {
  const sum = one + other;
  return sum > MAX_COUNT ? MAX_COUNT : sum;
}

const MAX_COUNT = 2n ** 64n - 1n;

const contracts = codecOf(ContractSchema);
const usages = codecOf(MethodUsageSchema);
