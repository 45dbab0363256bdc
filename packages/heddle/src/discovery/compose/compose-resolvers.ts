/**
 * Several registries as one: `unionOf` knows what any of them knows (while a system moves from one registry to another,
 * or has parts in both), `fallbackOf` asks the next only while those before it know nothing.
 *
 * An instance that is in two of them under one id is one instance; the registry that was named first describes it.
 */
import type { Timers } from "../../runtime/timer.ts";
import type { Endpoint } from "../endpoint.ts";
import { createEndpointSet, type EndpointSet } from "../endpoint-set.ts";
import type { Resolver, ResolverUpdate } from "../resolver.ts";
import type { Target } from "../target.ts";
import { createBell } from "../waiting/bell.ts";

export interface ComposeOptions {
  /** The scheme of the whole. */
  readonly scheme: string;
  readonly timers: Timers;
}

/** All that any of them knows. It is complete when all of them have said that they are. */
export function unionOf(resolvers: readonly Resolver[], options: ComposeOptions): Resolver {
  return compose(resolvers, options, (sets) => ({ shown: sets, wanted: sets.length }));
}

/**
 * What the first of them knows; while it knows nothing (it has no instance, or has not answered for a second), what the
 * second knows, and so on. Later ones are asked from then on, and not before. An earlier one that knows an instance
 * again takes over at once.
 */
export function fallbackOf(resolvers: readonly Resolver[], options: ComposeOptions): Resolver {
  return compose(resolvers, options, (sets, patient) => {
    const first = sets.findIndex(({ endpoints }) => endpoints.size > 0);
    if (first >= 0) return { shown: sets.slice(first, first + 1), wanted: first + 1 };
    const silent = sets.findIndex(({ complete }) => !complete);
    return { shown: sets, wanted: patient && silent >= 0 ? silent + 1 : sets.length };
  });
}

/** `patient` while those that have not answered may still do so. */
type Choose = (sets: readonly EndpointSet[], patient: boolean) => Choice;

interface Choice {
  /** Whose endpoints are shown, the most important first. */
  readonly shown: readonly EndpointSet[];
  /** How many of the resolvers, from the first on, are to be asked. */
  readonly wanted: number;
}

/** How long a registry may take to answer before the next is asked too. */
const PATIENCE_MS = 1_000;
/** A resolver that ends is watched again, but not in a hot loop. */
const AGAIN_MS = 1_000;

function compose(resolvers: readonly Resolver[], options: ComposeOptions, choose: Choose): Resolver {
  const { scheme, timers } = options;

  async function* watch(target: Target, signal: AbortSignal): AsyncGenerator<ResolverUpdate> {
    const stop = new AbortController();
    const ended = AbortSignal.any([signal, stop.signal]);
    using bell = createBell(ended, timers);
    const sets = resolvers.map(() => createEndpointSet());
    const asked: Promise<void>[] = [];
    let answered = false;
    let patient = true;
    let revision = 0n;

    async function follow(resolver: Resolver, set: EndpointSet): Promise<void> {
      while (!ended.aborted) {
        try {
          for await (const update of resolver.watch(target, ended)) {
            if (set.apply(update).resync) break;
            answered = true;
            bell.ring();
          }
        } catch {
          // A name that one of them can't hold is no fault of the whole: the others are asked.
        }
        using pause = createBell(ended, timers);
        await pause.wait(AGAIN_MS);
      }
    }

    try {
      while (!ended.aborted) {
        const { shown, wanted } = choose(sets, patient);
        while (asked.length < wanted) {
          const next = asked.length;
          patient = true;
          asked.push(follow(resolvers[next] as Resolver, sets[next] as EndpointSet));
        }
        if (answered) {
          answered = false;
          revision += 1n;
          const complete = shown.every((set) => set.complete);
          // That of the registry which was named first, as with instances.
          const serviceConfig = shown.find((set) => set.serviceConfig !== undefined)?.serviceConfig;
          const endpoints = merge(shown);
          yield {
            kind: "snapshot",
            epoch: "composed",
            revision,
            endpoints,
            complete,
            ...(serviceConfig === undefined ? {} : { serviceConfig }),
          };
        }
        if (!answered) await bell.wait(asked.length < resolvers.length ? PATIENCE_MS : undefined);
        patient = answered;
      }
    } finally {
      stop.abort();
      await Promise.all(asked);
    }
  }

  return { scheme, watch };
}

function merge(sets: readonly EndpointSet[]): Endpoint[] {
  const merged = new Map<string, Endpoint>();
  for (const { endpoints } of sets)
    for (const endpoint of endpoints.values())
      if (!merged.has(endpoint.id)) merged.set(endpoint.id, endpoint);
  return [...merged.values()];
}
