/**
 * What a mesh tells of contracts: which ones its servers answer, and what its clients use of others'. Reports go out now and then,
 * beside the calls; one that does not get through is made up for by the next. Nothing waits for them but the end of the
 * process, and that not for long.
 */
import { Code, ConnectError } from "@connectrpc/connect";
import { atLeast, finiteAtLeast } from "./call/check-option.ts";
import { ContractUsage, type MethodUsageCounts } from "./client/contract-usage.ts";
import type { ServedContract } from "./discovery/contract-hash.ts";
import type { ContractLedger } from "./discovery/contract-ledger.ts";
import type { Runtime } from "./runtime/runtime.ts";
import type { Timer } from "./runtime/timer.ts";

export interface ContractUsageSettings {
  /** Fields are looked at in about one call in so many, and in the first 16 of each method in a report. Default 64. */
  readonly sampleEvery?: number;
  /** Pause between two reports, in ms; spread by a tenth. Default 30 000. */
  readonly reportEveryMs?: number;
}

export interface MeshContractsOptions {
  readonly service: string;
  readonly instance: string;
  readonly ledgers: readonly ContractLedger[];
  readonly runtime: Runtime;
  readonly settings: ContractUsageSettings | boolean | undefined;
}

export class MeshContracts implements AsyncDisposable {
  /** Where clients count; undefined: they do not. */
  readonly usage: ContractUsage | undefined;
  readonly #options: MeshContractsOptions;
  readonly #everyMs: number;
  readonly #served = new Map<string, ServedContract>();
  /** What no ledger has heard of yet. */
  #untold: MethodUsageCounts[] = [];
  #timer: Timer | undefined;
  #reporting: Promise<void> | undefined;
  #failed = false;
  #started = false;
  #closed = false;

  constructor(options: MeshContractsOptions) {
    const { settings = true, ledgers, runtime } = options;
    const { sampleEvery = 64, reportEveryMs = 30_000 } = typeof settings === "object" ? settings : {};
    atLeast("contractUsage.sampleEvery", sampleEvery, 1);
    this.#everyMs = finiteAtLeast("contractUsage.reportEveryMs", reportEveryMs, 10);
    this.#options = options;
    if (settings !== false && ledgers.length > 0)
      this.usage = new ContractUsage({ random: runtime.random, sampleEvery: Math.floor(sampleEvery) });
  }

  /** A server answers this from now on. */
  serves(contract: ServedContract): void {
    this.#served.set(contract.hash, contract);
    this.start();
  }

  /** The registry is used: reports begin. */
  start(): void {
    if (this.usage === undefined || this.#started) return;
    this.#started = true;
    this.#schedule(Math.min(FIRST_AFTER_MS, this.#everyMs));
  }

  /** Tells what is untold, if a ledger has answered lately. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#timer?.cancel();
    await this.#lastReport();
    if (!this.#started || this.#failed) return;
    this.#take();
    if (this.#untold.length > 0) await this.#report(LAST_TIMEOUT_MS);
  }

  /** Of a control plane that stands still nobody waits for the answer. */
  async #lastReport(): Promise<void> {
    if (this.#reporting === undefined) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = this.#options.runtime.timers.after(LAST_TIMEOUT_MS, () => {
      this.#failed = true;
      resolve();
    });
    await Promise.race([this.#reporting, promise]);
    timer.cancel();
  }

  #schedule(afterMs: number): void {
    const { timers, random } = this.#options.runtime;
    if (this.#closed) return;
    this.#timer = timers.after(afterMs * (0.95 + random.next() / 10), () => {
      this.#take();
      this.#reporting = this.#report(TIMEOUT_MS).then((pauseMs) => {
        this.#reporting = undefined;
        this.#schedule(pauseMs);
      });
    });
  }

  #take(): void {
    this.#untold.push(...(this.usage?.take() ?? []));
    // Of a control plane that is away for long the oldest counts are lost.
    this.#untold.splice(0, this.#untold.length - MAX_UNTOLD);
  }

  /** The pause until the next one, in ms. Never rejects. */
  async #report(timeoutMs: number): Promise<number> {
    const { service, instance, ledgers } = this.#options;
    const methods = this.#untold.splice(0, MAX_TOLD);
    const contracts = [...this.#served.keys()].slice(0, MAX_CONTRACTS);
    const report = { service, instance, contracts, methods };
    const told = await Promise.allSettled(
      ledgers.map(async (ledger) => {
        const wanted = await ledger.report(report, timeoutMs);
        for (const hash of wanted) {
          const contract = this.#served.get(hash);
          // What a ledger does not take, it asks for again.
          if (contract !== undefined) await ledger.publish(contract, timeoutMs).catch(() => {});
        }
      }),
    );
    this.#failed = told.every(({ status }) => status === "rejected");
    if (!this.#failed) return this.#everyMs;
    // What is too much for all of them, or not understood, would be so again.
    if (!told.every((one) => one.status === "rejected" && isRefused(one.reason)))
      this.#untold.unshift(...methods);
    const isForeign = told.every((one) => one.status === "rejected" && hasNoPlaceForIt(one.reason));
    return isForeign ? Math.max(FOREIGN_PAUSE_MS, this.#everyMs) : this.#everyMs;
  }
}

/** An older control plane, or one that lets nobody. */
function hasNoPlaceForIt(error: unknown): boolean {
  const { code } = ConnectError.from(error);
  return code === Code.Unimplemented || code === Code.PermissionDenied || code === Code.Unauthenticated;
}

function isRefused(error: unknown): boolean {
  const { code } = ConnectError.from(error);
  return code === Code.InvalidArgument || code === Code.ResourceExhausted;
}

/** Until there is something to tell. */
const FIRST_AFTER_MS = 2_000;
const TIMEOUT_MS = 3_000;
/** The process is about to end. */
const LAST_TIMEOUT_MS = 250;
const FOREIGN_PAUSE_MS = 600_000;
/** Methods in one report, and contracts, as the ledger takes them. */
const MAX_TOLD = 200;
const MAX_CONTRACTS = 16;
const MAX_UNTOLD = 4_000;
