/**
 * gRPC's health protocol, served from the state of the server: whoever knows it (Kubernetes, Envoy, a registry, clients of
 * other languages) can ask every server of ours, in each of its protocols.
 * Source: https://github.com/grpc/grpc/blob/master/doc/health-checking.md
 *
 * A watch never ends by itself, so a server that goes away has to end it, or would wait for it until calls are cut. Its
 * watcher has heard NOT_SERVING by then.
 */
import { Code, ConnectError } from "@connectrpc/connect";
import {
  Health,
  type HealthCheckResponse_ServingStatus as Status,
  HealthCheckResponse_ServingStatus as STATUS,
} from "../gen/grpc/health/v1/health_pb.ts";
import { HeddleError } from "../call/errors.ts";
import type { ServerState, ServingStatus } from "../health/server-state.ts";
import { type Implementation, implement } from "./implement.ts";

export interface HealthService {
  readonly implementation: Implementation;
  /** Ends the watches, once each has heard how things stand. */
  endWatches(): void;
}

export function createHealthService(state: ServerState): HealthService {
  let ended = false;
  const enders = new Set<() => void>();

  /** Resolves at the next change, when the watches are ended, and when the watcher has gone. */
  function nextChange(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const end = () => resolve();
    const forget = state.observe(end);
    enders.add(end);
    signal.addEventListener("abort", end, { once: true });
    return promise.finally(() => {
      forget();
      enders.delete(end);
      // A watch lasts for as long as its connection: what each change left behind would add up.
      signal.removeEventListener("abort", end);
    });
  }

  const implementation = implement(Health, {
    check({ service }) {
      const status = state.statusOf(service);
      if (status === undefined)
        throw new ConnectError(`the service ${JSON.stringify(service)} is not known here`, Code.NotFound);
      return { status: STATUSES[status] };
    },
    list: () => ({
      statuses: Object.fromEntries(
        [...state.statuses].map(([name, status]) => [name, { status: STATUSES[status] }]),
      ),
    }),
    async *watch({ service }, { signal, method }) {
      // It is kept while the watch lasts: a thousand of them, each as long as a message may be, would be gigabytes.
      if (service.length > MAX_NAME_LENGTH)
        throw new ConnectError(
          `the name of the service is longer than ${MAX_NAME_LENGTH} characters`,
          Code.InvalidArgument,
        );
      let said: Status | undefined;
      while (!signal.aborted) {
        const known = state.statusOf(service);
        const status = known === undefined ? STATUS.SERVICE_UNKNOWN : STATUSES[known];
        if (status !== said) {
          said = status;
          yield { status };
        } else if (ended)
          throw new HeddleError("serverStopped", {
            method: `${method.parent.typeName}/${method.name}`,
            reason: "the server is going away",
          });
        else await nextChange(signal);
      }
    },
  });

  return {
    implementation,
    endWatches() {
      ended = true;
      for (const end of enders) end();
    },
  };
}

const MAX_NAME_LENGTH = 4096;

const STATUSES: Readonly<Record<ServingStatus, Status>> = {
  serving: STATUS.SERVING,
  not_serving: STATUS.NOT_SERVING,
};
