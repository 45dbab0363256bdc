/**
 * Follows `heddle:///name` in Heddle's registry. The registry numbers its changes, and says with each sign of life which
 * was the last, so a change that got lost is noticed with the next message.
 */
import { type Client, Code, ConnectError } from "@connectrpc/connect";
import type { Source } from "../../discovery/source.ts";
import type { RegistryService } from "../../gen/heddle/registry/v1/registry_pb.ts";
import { toEndpoint } from "./instance.ts";
import { targetFilter } from "./target-filter.ts";

/** Of so many keepalives one must arrive. */
const MISSED_KEEPALIVES = 3;

export function createHeddleSource(client: Client<typeof RegistryService>): Source {
  return {
    scheme: "heddle",
    // Until the registry has said how often it speaks.
    silenceMs: 6_000,
    async *open(target, signal) {
      const filter = targetFilter(target);
      const wanted = { name: target.name, ...(filter === undefined ? {} : { filter }) };
      let revision = 0n;
      for await (const { event } of client.watch(wanted, { signal, timeoutMs: 0 })) {
        switch (event.case) {
          case "snapshot": {
            const { complete, instances, keepaliveIntervalMs } = event.value;
            revision = event.value.revision;
            if (keepaliveIntervalMs > 0)
              yield { kind: "alive", silenceMs: keepaliveIntervalMs * MISSED_KEEPALIVES };
            yield { kind: "snapshot", endpoints: instances.map(toEndpoint), complete };
            break;
          }
          case "delta": {
            const { previousRevision, upserted, removedIds } = event.value;
            if (previousRevision !== revision) throw missedSomething();
            revision = event.value.revision;
            yield { kind: "delta", upserted: upserted.map(toEndpoint), removed: removedIds };
            break;
          }
          case "keepalive":
            if (event.value.revision !== revision) throw missedSomething();
            yield { kind: "alive" };
            break;
          case "serviceConfig":
            yield { kind: "service-config", serviceConfig: event.value.config };
            break;
          case undefined:
            break;
        }
      }
    },
  };
}

function missedSomething(): ConnectError {
  return new ConnectError("the watch missed a change", Code.DataLoss);
}
