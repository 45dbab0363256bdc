/**
 * A channel: everything behind the calls to one target. It owns the watch of discovery, the connections, the
 * balancer, the retry budget, and one linked stack that all its calls walk.
 */
import type { DescMethod } from "@bufbuild/protobuf";
import { HeddleError } from "../call/errors.ts";
import { linkLayers } from "../call/layer.ts";
import { attachRecord } from "../call/record.ts";
import { VERSION } from "../call/version.ts";
import type { Subchannel } from "../connection/subchannel.ts";
import { createClientTls } from "../connection/tls.ts";
import { jsonMethodOf } from "../contract/json-method.ts";
import { type Method, methodOf } from "../contract/method.ts";
import type { Resolver } from "../discovery/resolver.ts";
import type { Target } from "../discovery/target.ts";
import { encodingNamed } from "../wire/compression.ts";
import { AttemptAllowance } from "../resilience/attempt-allowance.ts";
import { MetastabilityGuard } from "../resilience/metastability-guard.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { ClientCall } from "./call.ts";
import { createChannelBalancer } from "./channel-balancer.ts";
import { Endpoints } from "./endpoints.ts";
import type { ClientParts } from "./layer.ts";
import { MethodPolicies, type MethodPolicy } from "./method-policy.ts";
import { type ClientOptions, type ResolvedClientOptions, resolveClientOptions } from "./options.ts";
import { clientStack } from "./stack.ts";
import type { ChannelStatus } from "./status.ts";

export interface ChannelOptions {
  readonly target: Target;
  readonly resolver: Resolver;
  readonly runtime: Runtime;
  readonly options: ClientOptions;
}

export class Channel {
  readonly target: Target;
  readonly options: ResolvedClientOptions;
  /** The method of a descriptor, with the codecs of this channel. */
  readonly methodOf: (desc: DescMethod) => Method;
  readonly #endpoints: Endpoints;
  readonly #start: (call: ClientCall) => void;
  readonly #policies: MethodPolicies;
  #closed = false;

  constructor({ target, resolver, runtime, options }: ChannelOptions) {
    this.target = target;
    this.options = resolveClientOptions(options);
    this.#policies = new MethodPolicies(this.options, undefined);
    const {
      balancer,
      hashHeader,
      zone,
      subset,
      connections,
      waitForReadyMs,
      http2,
      observe,
      sendCompression,
      retryBudget,
      codec,
      http,
      http1Connections,
      protocol,
      useHttpGet,
      tls,
    } = this.options;
    this.methodOf = codec === "json" ? jsonMethodOf : methodOf;
    this.#endpoints = new Endpoints({
      ...runtime,
      target,
      resolver,
      ...connections,
      waitForReadyMs,
      http,
      http1Connections,
      tls: tls === undefined || tls === false ? undefined : createClientTls(tls),
      hintedTls: tls === undefined ? () => createClientTls(true) : undefined,
      balancer: createChannelBalancer({
        policy: balancer,
        random: runtime.random,
        zone,
        instances: () => this.#endpoints.subchannels.values(),
      }),
      subset,
      hashHeader,
      ...(http2 === undefined ? {} : { limits: http2 }),
    });
    this.#endpoints.ejections.configure({});
    const parts: ClientParts = {
      ...runtime,
      target: target.text,
      endpoints: this.#endpoints,
      allowance: new AttemptAllowance({ budget: retryBudget, guard: new MetastabilityGuard() }),
      authority: this.options.authority ?? authorityOf(target),
      userAgent: `heddle/${VERSION}`,
      protocol,
      useHttpGet,
      sendEncoding: encodingNamed(sendCompression ?? "identity"),
      compressMinBytes: this.options.compressMinBytes,
      observe,
    };
    this.#start = linkLayers(clientStack, parts, (call) => call.settle());
  }

  /** What holds for calls of the method. */
  policyOf(method: Method): MethodPolicy {
    return this.#policies.of(method);
  }

  /** The instances that are known, with the state of the connection to each. */
  get subchannels(): ReadonlyMap<string, Subchannel> {
    return this.#endpoints.subchannels;
  }

  /** What it looks like now. */
  describe(): ChannelStatus {
    return this.#endpoints.describe();
  }

  /** Starts discovery and connections before the first call does. */
  connect(): void {
    this.#endpoints.start();
  }

  start(call: ClientCall): void {
    if (this.#closed) {
      call.error = new HeddleError("closed", { what: `the client of ${this.target.text}` });
      attachRecord(call.error, call.toRecord(this.target.text));
      return call.settle();
    }
    this.#start(call);
  }

  /** Refuses new calls and closes each connection when its calls have ended (`drain`), or at once. */
  close(mode: "drain" | "now" = "drain"): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#endpoints.close(mode);
  }
}

/** gRPC's rule: the name without scheme; for static targets the first address. */
function authorityOf(target: Target): string {
  const name = target.scheme === "static" ? (target.name.split(",")[0] ?? target.name) : target.name;
  if (/^(?:unix|memory):/.test(name)) return "localhost";
  return /^[\x21-\x7e]+$/.test(name) ? name : encodeURI(name);
}
