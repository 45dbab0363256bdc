/**
 * One registry as a process uses it: who is there, and how to be there. Each kind of registry (`etcd/`, `consul/`, …)
 * exports one function that makes it from a URL and from what the composition root lends it.
 */
import type { Transport } from "@connectrpc/connect";
import type { Runtime } from "../runtime/runtime.ts";
import type { ContractLedger } from "./contract-ledger.ts";
import type { DiscoveryEvent } from "./discovery-event.ts";
import type { LastGoodStore } from "./follow/last-good.ts";
import type { Registrar } from "./registrar.ts";
import type { RegistryUrl } from "./registry-url.ts";
import type { Resolver } from "./resolver.ts";
import type { TelemetrySink } from "./telemetry-sink.ts";

export interface RegistryClient extends AsyncDisposable {
  readonly resolver: Resolver;
  /** Undefined where registering is somebody else's job, as in DNS. */
  readonly registrar?: Registrar | undefined;
  /** Where it is said which contracts are answered and used; undefined where there is no place for that. */
  readonly contracts?: ContractLedger | undefined;
  /** Where it is said what is measured; undefined where there is no place for that. */
  readonly telemetry?: TelemetrySink | undefined;
  /** Deregisters what is registered, closes its connections. Takes a short while at most, and never throws. */
  [Symbol.asyncDispose](): Promise<void>;
}

export type OpenRegistry = (context: RegistryContext) => RegistryClient;

/** What a registry client is given. It uses no global time, randomness, environment or standard stream. */
export interface RegistryContext {
  readonly url: RegistryUrl;
  readonly runtime: Runtime;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Grows with each start of the process, for as long as instance ids are the same. */
  readonly incarnation: bigint;
  /** Where complete sets are saved and found again; undefined: nowhere. */
  readonly lastGood: LastGoodStore | undefined;
  readonly onEvent: (event: DiscoveryEvent) => void;
  /** In a sentence what somebody should know. No secrets. */
  readonly onWarning: (message: string, cause?: unknown) => void;
  /** A gRPC transport to one or several equal servers. Whoever opens it closes it. */
  readonly openTransport: OpenRegistryTransport;
}

export type OpenRegistryTransport = (options: RegistryTransportOptions) => RegistryTransport;

export interface RegistryTransportOptions {
  /** `host:port` each; calls go to those that answer. */
  readonly hosts: readonly string[];
  readonly tls?: RegistryTls | undefined;
  /** Largest message taken. Default 64 MiB. */
  readonly maxReceiveMessageBytes?: number;
  /** A PING goes out after so long without a word from the server while a call runs, in ms. Default 2 000. */
  readonly keepaliveMs?: number;
}

export interface RegistryTransport extends Transport {
  close(how: "drain" | "now"): void;
}

/** PEM texts, already read from their files. */
export interface RegistryTls {
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly serverName?: string | undefined;
}
