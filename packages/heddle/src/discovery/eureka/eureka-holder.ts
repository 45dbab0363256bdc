/**
 * Keeps an instance in Eureka: one entry for each of its names, renewed by heartbeats. A heartbeat says only that somebody
 * with this id lives, so the entry is looked at before: one that is gone is registered again, and one that a newer
 * incarnation wrote is left alone. Whatever operators set (a status override) stays, for nothing here takes it back.
 *
 * Of two entries the server believes the one with the later `lastDirtyTimestamp`, so ours is always later than what is
 * there, also after the machine's time was set back.
 */
import { reasonText } from "../../call/errors.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import type { Endpoint } from "../endpoint.ts";
import { toFields } from "../fields/json-fields.ts";
import { type Holder, namesToRegister, RegistrationRefused, refuseNewerOwner } from "../holder.ts";
import {
  type RegistryHttp,
  type RegistryHttpRequest,
  type RegistryHttpResponse,
  statusError,
} from "../http/registry-http.ts";
import { namesOf } from "../names.ts";
import { renewUntilLost } from "../register/renew-until-lost.ts";
import { settleAll } from "../waiting/settle-all.ts";
import type { EurekaRegistrationOptions } from "./eureka-options.ts";
import {
  type EurekaInstance,
  eurekaId,
  eurekaName,
  readInstanceInfo,
  statusOf,
  toInstanceInfo,
} from "./instance-info.ts";

export interface EurekaHolderOptions {
  readonly http: RegistryHttp;
  readonly registration: EurekaRegistrationOptions;
  readonly incarnation: bigint;
  readonly runtime: Pick<Runtime, "clock">;
}

export function createEurekaHolder(options: EurekaHolderOptions): Holder {
  const { http, registration, incarnation, runtime } = options;

  type Wanted = Pick<RegistryHttpRequest, "method" | "path" | "query" | "body">;

  async function ask(
    wanted: Wanted,
    good: readonly number[],
    signal: AbortSignal,
  ): Promise<RegistryHttpResponse> {
    const response = await http.request({ ...wanted, signal });
    if (good.includes(response.status)) return response;
    const error = statusError(wanted, response, response.text());
    throw [400, 401, 403].includes(response.status) ? new RegistrationRefused(reasonText(error)) : error;
  }

  async function find(name: string, id: string, signal: AbortSignal): Promise<EurekaInstance | undefined> {
    const response = await ask({ method: "GET", path: pathOf(name, id) }, [200, 404], signal);
    if (response.status === 404) return undefined;
    const answer = response.json();
    const { instance: info } = toFields(answer);
    return readInstanceInfo(info, { address: "ip", prefer: "plain" });
  }

  /** Registers when it isn't there, isn't ours yet, or has to change; renews otherwise. */
  async function keep(
    name: string,
    instance: Endpoint,
    mustWrite: boolean,
    signal: AbortSignal,
  ): Promise<void> {
    const there = await find(name, instance.id, signal);
    refuseNewerOwner(instance.id, there?.incarnation, incarnation);
    if (!mustWrite && there !== undefined && there.incarnation === incarnation) {
      if (await beat(name, instance, there, signal)) return;
    }
    const dirtyMs = Math.max(Math.floor(runtime.clock.wallMs()), (there?.lastDirtyMs ?? 0) + 1);
    const body = toInstanceInfo(name, instance, incarnation, dirtyMs, registration);
    await ask(
      { method: "POST", path: `/apps/${encodeURIComponent(eurekaName(name))}`, body },
      [200, 204],
      signal,
    );
  }

  /** False when the server wants the registration again. */
  async function beat(
    name: string,
    instance: Endpoint,
    { lastDirtyMs }: EurekaInstance,
    signal: AbortSignal,
  ): Promise<boolean> {
    const query = { status: statusOf(instance), lastDirtyTimestamp: String(lastDirtyMs) };
    const response = await ask({ method: "PUT", path: pathOf(name, instance.id), query }, [200, 404], signal);
    return response.status === 200;
  }

  return {
    async hold(hold) {
      const { signal } = hold;
      const names = namesToRegister(hold.instance);
      return await renewUntilLost(hold, {
        renewMs: registration.renewMs,
        retryMs: Math.min(registration.renewMs / 4, 2_000),
        lostAfterMs: registration.durationMs,
        clock: runtime.clock,
        renew: (instance, mustWrite) =>
          settleAll(names.map((name) => keep(name, instance, mustWrite, signal))),
      });
    },
    async release(instance, signal) {
      await settleAll(
        namesOf(instance).map(async (name) => {
          const there = await find(name, instance.id, signal);
          if (there?.incarnation !== incarnation) return;
          await ask({ method: "DELETE", path: pathOf(name, instance.id) }, [200, 404], signal);
        }),
      );
    },
  };
}

function pathOf(name: string, id: string): string {
  return `/apps/${encodeURIComponent(eurekaName(name))}/${encodeURIComponent(eurekaId(id))}`;
}
