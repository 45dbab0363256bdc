/**
 * Begins a watch of an instance's health on the connection that its calls go over. It is no call of anybody's: it walks
 * none of the layers that choose, wait, repeat or record, but only the last one, which writes.
 */
import { linkLayers } from "../call/layer.ts";
import type { DescMethod } from "@bufbuild/protobuf";
import type { Method } from "../contract/method.ts";
import { Health } from "../gen/grpc/health/v1/health_pb.ts";
import type { ClientCall } from "./call.ts";
import { type HealthWatchesOptions, WatchCall } from "./health-watch.ts";
import type { ClientLayer, ClientParts } from "./layer.ts";
import { send } from "./layers/send.ts";
import { MethodPolicies } from "./method-policy.ts";

const begin: ClientLayer = {
  name: "begin",
  does: "notes when a watch begins",
  order: "there is nothing else to do for it",
  create: ({ clock }, link) => ({
    down(call) {
      call.attempts = 1;
      call.startedAtMs = clock.now();
      call.attemptStartedAtMs = call.startedAtMs;
      link.down(call);
    },
  }),
};

/** Answers are a few bytes, come for as long as the connection lasts, and are asked for again by the watch itself. */
const policies = new MethodPolicies(
  {
    defaultTimeoutMs: Number.POSITIVE_INFINITY,
    waitForReadyMs: 0,
    maxSendMessageBytes: 4096,
    maxReceiveMessageBytes: 4096,
    maxAttempts: 1,
    hedging: false,
  },
  undefined,
);

export function createHealthAsker(
  parts: ClientParts,
  methodOf: (desc: DescMethod) => Method,
): HealthWatchesOptions["watchHealth"] {
  const start = linkLayers<ClientCall, ClientParts>([begin, send], parts, (call) => call.settle());
  return (subchannel, service) => {
    const method = methodOf(Health.method.watch);
    const policy = policies.of(method);
    const call = new WatchCall({
      method,
      policy,
      metadata: [],
      timeoutMs: policy.timeoutMs,
      maxReceiveBytes: policy.maxResponseBytes,
      signal: undefined,
      input: (async function* () {
        yield { service };
      })(),
      sendEncoding: undefined,
      compressMinBytes: Number.POSITIVE_INFINITY,
      maxSendBytes: policy.maxRequestBytes,
    });
    call.subchannel = subchannel;
    start(call);
    return call;
  };
}
