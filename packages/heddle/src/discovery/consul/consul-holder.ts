/**
 * Keeps an instance registered at one agent, which is who speaks for it: what the agent forgets, the catalog forgets at its
 * next anti-entropy. So the agent is asked again and again, with a TTL's update or a look at its list, and gets the
 * registration anew when it doesn't know it any more. When it stays away, another agent gets it.
 */
import { reasonText } from "../../call/errors.ts";
import { isJsonObject } from "../../call/json-object.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import type { Endpoint } from "../endpoint.ts";
import { fromFlatMetadata } from "../fields/flat-metadata.ts";
import { textsAt } from "../fields/json-fields.ts";
import { type Hold, type Holder, namesToRegister, RegistrationRefused, refuseNewerOwner } from "../holder.ts";
import {
  type RegistryHttp,
  type RegistryHttpRequest,
  type RegistryHttpResponse,
  statusError,
} from "../http/registry-http.ts";
import { namesOf } from "../names.ts";
import { renewUntilLost } from "../register/renew-until-lost.ts";
import { settleAll } from "../waiting/settle-all.ts";
import { CONSUL_FORM } from "./consul-form.ts";
import type { ConsulRegistrationOptions } from "./consul-options.ts";
import { checkId, serviceId, toServiceDefinition } from "./service-definition.ts";

export interface ConsulHolderOptions {
  readonly http: RegistryHttp;
  readonly registration: ConsulRegistrationOptions;
  readonly incarnation: bigint;
  readonly timeoutMs: number;
  readonly runtime: Pick<Runtime, "clock">;
}

export function createConsulHolder(options: ConsulHolderOptions): Holder {
  const { http, registration, incarnation, runtime } = options;
  const renewMs = registration.ttlMs / 3;
  const timeoutMs = Math.min(options.timeoutMs, renewMs);
  /** Agents that may have an instance, by its id. */
  const agents = new Map<string, Set<string>>();

  type Wanted = Pick<RegistryHttpRequest, "method" | "path" | "query" | "body">;

  async function ask(host: string, wanted: Wanted, signal: AbortSignal): Promise<RegistryHttpResponse> {
    const response = await http.request({ ...wanted, host, signal, timeoutMs });
    if (response.status === 401 || response.status === 403) {
      throw new RegistrationRefused(reasonText(statusError(wanted, response, response.text())));
    }
    return response;
  }

  /** The incarnation that the agent has under this id: undefined for none, -1 for one that isn't ours. */
  async function ownerAt(host: string, id: string, signal: AbortSignal): Promise<bigint | undefined> {
    const wanted = { method: "GET", path: `/v1/agent/service/${encodeURIComponent(id)}` } as const;
    const response = await ask(host, wanted, signal);
    if (response.status === 404) return undefined;
    if (response.status !== 200) throw statusError(wanted, response, response.text());
    const service = response.json();
    return isJsonObject(service)
      ? (fromFlatMetadata(textsAt(service, "Meta"), CONSUL_FORM).incarnation ?? -1n)
      : -1n;
  }

  async function register(
    host: string,
    name: string,
    instance: Endpoint,
    signal: AbortSignal,
  ): Promise<void> {
    const definition = toServiceDefinition(name, instance, incarnation, registration);
    refuseNewerOwner(instance.id, await ownerAt(host, definition.ID, signal), incarnation);
    const wanted = {
      method: "PUT",
      path: "/v1/agent/service/register",
      query: { "replace-existing-checks": "true" },
      body: definition,
    } as const;
    const response = await ask(host, wanted, signal);
    if (response.status === 200) return;
    const error = statusError(wanted, response, response.text());
    throw response.status === 400 ? new RegistrationRefused(error.message) : error;
  }

  /** False when the agent doesn't know it any more. */
  async function renew(
    host: string,
    name: string,
    instance: Endpoint,
    signal: AbortSignal,
  ): Promise<boolean> {
    const id = serviceId(name, instance);
    if (registration.check !== "ttl") return (await ownerAt(host, id, signal)) === incarnation;
    const path = `/v1/agent/check/pass/${encodeURIComponent(checkId(id, incarnation))}`;
    const wanted = { method: "PUT", path } as const;
    const response = await ask(host, wanted, signal);
    if (response.status === 200) return true;
    // Consul says 404 for a check that it doesn't know, and 500 for one without a TTL.
    if (response.status === 404 || /TTL/.test(response.text())) return false;
    throw statusError(wanted, response, response.text());
  }

  function holdAt(host: string, hold: Hold): Promise<never> {
    const { signal } = hold;
    const names = namesToRegister(hold.instance);
    return renewUntilLost(hold, {
      renewMs,
      retryMs: RETRY_MS,
      // The rest of the TTL is for registering elsewhere before it is over.
      lostAfterMs: (registration.ttlMs * 2) / 3,
      clock: runtime.clock,
      async renew(instance, mustWrite) {
        const missing = mustWrite ? names : await missingOf(host, instance, signal);
        await settleAll(missing.map((name) => register(host, name, instance, signal)));
      },
    });
  }

  async function missingOf(
    host: string,
    instance: Endpoint,
    signal: AbortSignal,
  ): Promise<readonly string[]> {
    const names = namesOf(instance);
    const there = await Promise.all(names.map((name) => renew(host, name, instance, signal)));
    return names.filter((_, index) => there[index] === false);
  }

  async function releaseAt(host: string, instance: Endpoint, signal: AbortSignal): Promise<void> {
    await settleAll(
      namesOf(instance).map(async (name) => {
        const id = serviceId(name, instance);
        if ((await ownerAt(host, id, signal)) !== incarnation) return;
        const wanted = {
          method: "PUT",
          path: `/v1/agent/service/deregister/${encodeURIComponent(id)}`,
        } as const;
        const response = await ask(host, wanted, signal);
        if (response.status !== 200 && response.status !== 404) {
          throw statusError(wanted, response, response.text());
        }
      }),
    );
  }

  return {
    async hold(hold) {
      const { host } = http;
      const { id } = hold.instance;
      agents.set(id, (agents.get(id) ?? new Set()).add(host));
      try {
        return await holdAt(host, hold);
      } catch (error) {
        if (!hold.signal.aborted && !(error instanceof RegistrationRefused)) http.moveOn(host);
        throw error;
      }
    },
    async release(instance, signal) {
      const hosts = [...(agents.get(instance.id) ?? [])];
      agents.delete(instance.id);
      await settleAll(hosts.map((host) => releaseAt(host, instance, signal)));
    },
  };
}

/** Between attempts at an agent that was there a moment ago, in ms: it may be starting again. */
const RETRY_MS = 500;
