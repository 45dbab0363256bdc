/** Registers instances through a registry's registrar, each with a registration of its own, and changes them at a steady rate. */
import { setTimeout as delay } from "node:timers/promises";
import { openRegistry } from "heddle";
import { createEndpoint, type Registrar, type Registration } from "heddle/discovery";
import { instanceOf, SENT_LABEL } from "./fleet.ts";
import { nowNs } from "./now-ns.ts";
import { serveParent } from "./worker.ts";

export type RegistrantTasks = typeof tasks;

/** Of one connection to a registry: Heddle's takes 1 000 streams on each of eight sockets, and a registration is a stream. */
const PER_CLIENT = 5_000;

let registryUrl = "";
const registrars: Registrar[] = [];
/** Instances that come and go have a client of their own, as one that has just started. */
let visitorRegistrar: Registrar | undefined;
const held: { readonly registration: Registration; readonly metadata: Readonly<Record<string, string>> }[] =
  [];
const visitors = new Map<string, Registration>();
let next = 0;

interface RegisterInput {
  readonly services: number[];
  readonly from: number;
  readonly to: number;
  readonly atOnce: number;
}

const tasks = {
  async connect({ url }: { url: string }): Promise<void> {
    registryUrl = url;
    registrars.push(await openAnother());
  },

  /**
   * Registers instances `from` to `to` (exclusive) of each service, `atOnce` at a time; resolves when the registry has
   * all.
   */
  async register({ services, from, to, atOnce }: RegisterInput): Promise<void> {
    const instances = services.flatMap((service) =>
      Array.from({ length: to - from }, (_, i) => instanceOf(service, from + i)),
    );
    while (registrars.length * PER_CLIENT < held.length + instances.length)
      registrars.push(await openAnother());
    const registerRest = async () => {
      for (let instance = instances.pop(); instance !== undefined; instance = instances.pop()) {
        const registration = registrarOf(held.length).register(instance);
        held.push({ registration, metadata: instance.metadata });
        await registration.registered;
      }
    };
    await Promise.all(Array.from({ length: atOnce }, registerRest));
  },

  /** Changes one instance after the other, `perSecond` of them for `ms`, each stamped with the time. Says how many. */
  async change({ perSecond, ms }: { perSecond: number; ms: number }): Promise<number> {
    const startedAtMs = performance.now();
    let changes = 0;
    for (;;) {
      const elapsedMs = Math.min(ms, performance.now() - startedAtMs);
      for (; changes < (elapsedMs / 1_000) * perSecond; changes++) {
        const one = held[next++ % held.length];
        one?.registration.update({ metadata: { ...one.metadata, [SENT_LABEL]: String(nowNs()) } });
      }
      if (elapsedMs >= ms) return changes;
      await delay(1);
    }
  },

  /** Registers an instance that can be called. Gives the time at which it began. */
  async come({ id, service, address }: { id: string; service: string; address: string }): Promise<number> {
    const beganAtNs = nowNs();
    visitorRegistrar ??= await openAnother();
    const registration = visitorRegistrar.register(createEndpoint({ id, service, address }));
    visitors.set(id, registration);
    await registration.registered;
    return beganAtNs;
  },

  /** Takes it away again. Gives the time at which it began. */
  async go({ id }: { id: string }): Promise<number> {
    const beganAtNs = nowNs();
    await visitors.get(id)?.[Symbol.asyncDispose]();
    visitors.delete(id);
    return beganAtNs;
  },

  /** How many are registered at this moment, as far as this process knows. */
  standing(): number {
    return held.filter(({ registration }) => registration.state === "registered").length;
  },
};

async function openAnother(): Promise<Registrar> {
  const { registrar } = await openRegistry(registryUrl, { stateFolder: false, env: {} });
  if (registrar === undefined) throw new Error("this registry takes no registrations");
  return registrar;
}

function registrarOf(nth: number): Registrar {
  const registrar = registrars[Math.floor(nth / PER_CLIENT)];
  if (registrar === undefined) throw new Error("not connected");
  return registrar;
}

serveParent(tasks);
