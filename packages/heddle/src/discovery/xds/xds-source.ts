/**
 * What a target finds by xDS. It wants what the chain from its listener needs, and tells a set when that is whole. The old
 * resources stay wanted until then.
 */
import type { Runtime } from "../../runtime/runtime.ts";
import type { Source } from "../source.ts";
import { refuseTargetOptions } from "../target-options.ts";
import { createBell } from "../waiting/bell.ts";
import type { AdsClient } from "./ads-client.ts";
import { followXdsChain, type XdsChain } from "./xds-chain.ts";
import type { XdsType } from "./xds-resource.ts";

export interface XdsSourceOptions {
  readonly client: AdsClient;
  /** What a target's listener is called. */
  readonly listenerOf: (name: string) => string;
  readonly runtime: Pick<Runtime, "timers">;
}

export function createXdsSource({ client, listenerOf, runtime }: XdsSourceOptions): Source {
  return {
    scheme: "xds",
    silenceMs: 3 * SIGN_OF_LIFE_MS,
    async *open(target, signal) {
      refuseTargetOptions(target, "xds");
      const { store } = client;
      const losses = client.losses;
      using bell = createBell(signal, runtime.timers);
      using _ = client.listen(bell.ring);
      const wanted = new Map<string, readonly [XdsType, string]>();

      function look(): XdsChain {
        const needed = new Set<string>();
        const chain = followXdsChain(listenerOf(target.name), (type, name) => {
          const key = `${type} ${name}`;
          needed.add(key);
          if (!wanted.has(key)) {
            wanted.set(key, [type, name]);
            store.want(type, name);
          }
          return store.entry(type, name);
        });
        if (chain.kind === "endpoints")
          for (const [key, [type, name]] of wanted) {
            if (needed.has(key)) continue;
            wanted.delete(key);
            store.unwant(type, name);
          }
        return chain;
      }

      try {
        /** What the snapshot was made of that was told last. */
        let told: readonly unknown[] = [];
        while (!signal.aborted) {
          const known = [...wanted.values()].map(([type, name]) => store.entry(type, name));
          const isTold =
            told.length > 0 && told.length === known.length && known.every((one, at) => one === told[at]);
          const chain = isTold ? undefined : look();
          if (client.losses !== losses) throw client.lastError;
          // What is known from an earlier stream is no answer of this one.
          if (!client.live) told = [];
          else if (chain?.kind === "refused") throw new Error(`xDS: ${chain.fault}`);
          else if (chain?.kind === "endpoints") {
            told = [...wanted.values()].map(([type, name]) => store.entry(type, name));
            yield { kind: "snapshot", endpoints: chain.endpoints, complete: chain.complete };
          } else yield { kind: "alive" };
          await bell.wait(SIGN_OF_LIFE_MS);
        }
      } finally {
        for (const [type, name] of wanted.values()) store.unwant(type, name);
      }
    },
  };
}

const SIGN_OF_LIFE_MS = 5_000;
