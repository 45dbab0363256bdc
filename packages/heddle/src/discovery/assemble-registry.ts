/** A registry's client from the parts that its adapter has written: the loops around them, and the way out. */
import type { ContractLedger } from "./contract-ledger.ts";
import { createWatchLoop } from "./follow/watch-loop.ts";
import type { Holder } from "./holder.ts";
import { createRegistrationLoop } from "./register/registration-loop.ts";
import type { RegistryClient, RegistryContext } from "./registry-client.ts";
import type { Source } from "./source.ts";
import type { TelemetrySink } from "./telemetry-sink.ts";

export interface RegistryParts {
  readonly source: Source;
  /** Absent where registering is somebody else's job. */
  readonly holder?: Holder;
  /** Absent where there is no place for that. */
  readonly contracts?: ContractLedger;
  /** Absent where there is no place for that. */
  readonly telemetry?: TelemetrySink;
  /** Closes the adapter's connections. Called once everything is deregistered; must not throw. Default: there are none. */
  readonly close?: () => void | Promise<void>;
}

export function assembleRegistry(
  { runtime, onEvent, lastGood }: Pick<RegistryContext, "runtime" | "onEvent" | "lastGood">,
  { source, holder, contracts, telemetry, close }: RegistryParts,
): RegistryClient {
  const registrar = holder && createRegistrationLoop(holder, { runtime, onEvent });
  return {
    resolver: createWatchLoop(source, { runtime, onEvent, lastGood }),
    registrar,
    contracts,
    telemetry,
    async [Symbol.asyncDispose]() {
      await registrar?.[Symbol.asyncDispose]();
      await close?.();
    },
  };
}
