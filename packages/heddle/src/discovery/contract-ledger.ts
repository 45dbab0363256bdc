/**
 * Where a process says which contracts it answers and what it uses of others'. Heddle's registry is one; other registries have no
 * place for that.
 */
import type { ServedContract } from "./contract-hash.ts";

export interface UsageReport {
  /** Short name of the service that calls, and which instance of it. */
  readonly service: string;
  readonly instance: string;
  /** Hashes of what its servers answer. */
  readonly contracts: readonly string[];
  /** Since the last report. */
  readonly methods: readonly UsedMethod[];
}

/** See `MethodUsage` in heddle/contract/v1/contract.proto. */
export interface UsedMethod {
  readonly method: string;
  readonly json: boolean;
  readonly calls: number;
  readonly restCalls: number;
  readonly sampledCalls: number;
  readonly fields: ReadonlyMap<string, { readonly readIn: number; readonly setIn: number }>;
  readonly fieldsCut: boolean;
}

export interface ContractLedger {
  /** The hashes that it does not know yet, to be published. Rejects when it cannot be told. */
  report(report: UsageReport, timeoutMs: number): Promise<readonly string[]>;
  publish(contract: ServedContract, timeoutMs: number): Promise<void>;
}
