/** Follows a name in the copy of the registry that all targets share (`registry-cache.ts`). */
import type { Timers } from "../../runtime/timer.ts";
import type { Source } from "../source.ts";
import { refuseTargetOptions } from "../target-options.ts";
import { createBell } from "../waiting/bell.ts";
import type { RegistryCache } from "./registry-cache.ts";

export interface EurekaSourceOptions {
  readonly cache: RegistryCache;
  readonly timers: Timers;
  readonly silenceMs: number;
}

export function createEurekaSource({ cache, timers, silenceMs }: EurekaSourceOptions): Source {
  return {
    scheme: "eureka",
    silenceMs,
    async *open(target, signal) {
      refuseTargetOptions(target, "eureka");
      using bell = createBell(signal, timers);
      let loss: { readonly error: unknown } | undefined;
      using _ = cache.follow({
        onPoll: () => bell.ring(),
        onLost(error) {
          loss = { error };
          bell.ring();
        },
      });
      let shown: { readonly revision: number; readonly complete: boolean } | undefined;
      while (!signal.aborted) {
        if (loss !== undefined) throw loss.error;
        const view = cache.view(target.name);
        if (view !== undefined) {
          const { revision, complete } = view;
          const isNew = shown?.revision !== revision || shown.complete !== complete;
          shown = { revision, complete };
          if (isNew) yield { kind: "snapshot", endpoints: view.endpoints(), complete };
          else yield { kind: "alive" };
        }
        await bell.wait();
      }
    },
  };
}
