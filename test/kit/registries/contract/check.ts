/** One demand on every registry, and what the checks share. */
import type { TestContext } from "node:test";
import { until } from "../../within.ts";
import type { CheckName, RegistryBounds, RegistryUnderTest, StartedRegistry } from "./registry-under-test.ts";
import { type Following, instanceOf, type Member, newService, openView, type View } from "./view.ts";

export interface Check {
  readonly name: CheckName;
  /** What is so, in a sentence. */
  readonly says: string;
  run(scene: Scene): Promise<void>;
}

/** Where a check plays: a registry that runs, and a service that no other check uses. */
export interface Scene {
  readonly t: TestContext;
  readonly registry: RegistryUnderTest;
  readonly bounds: RegistryBounds;
  readonly started: StartedRegistry;
  readonly service: string;
}

export interface Crew {
  readonly views: readonly View[];
  readonly members: readonly Member[];
  /** Of each view. */
  readonly followings: readonly Following[];
}

/** Six instances, of two processes that also follow their service. All are known to both. */
export async function gatherCrew(scene: Scene, url?: string): Promise<Crew> {
  const { t, started, service, bounds } = scene;
  const options = url === undefined ? {} : { url };
  const views = await Promise.all([openView(t, started, options), openView(t, started, options)]);
  const members = views.flatMap((view, v) =>
    [0, 1, 2].map((n) => view.enrol(instanceOf(service, 3 * v + n))),
  );
  const followings = views.map((view) => view.follow(service));
  await Promise.all(members.map(({ registered }) => registered));
  await know(followings, 6, bounds.mendedMs);
  for (const following of followings) following.mark();
  return { views, members, followings };
}

/** Waits until all know so many. */
export async function know(followings: readonly Following[], size: number, ms: number): Promise<void> {
  await Promise.all(
    followings.map((following, f) =>
      following.when(() => following.size === size, `reader ${f} knowing ${size} instances`, ms),
    ),
  );
}

let weight = 1000;

/** Changes an instance, and waits until all know. */
export async function changeOf(
  member: Member,
  address: string,
  followings: readonly Following[],
  ms: number,
): Promise<void> {
  const next = ++weight;
  member.update({ weight: next });
  await Promise.all(
    followings.map((following) =>
      following.when(() => following.get(address)?.weight === next, `a change of ${address} arriving`, ms),
    ),
  );
}

/** Waits for time itself to pass: for leases that must have been renewed, or must have run out, by then. */
export async function elapsed(sinceMs: number, ms: number): Promise<void> {
  await until(() => performance.now() - sinceMs >= ms, `${ms} ms passing`, ms + 5_000);
}

/** Waits for what a view was told, later than the first `from` events. */
export async function told(view: View, kind: string, from: number, ms: number): Promise<void> {
  await until(() => view.events.indexOf(kind, from) >= 0, `"${kind}" being told`, ms);
}

export function sceneOf(t: TestContext, registry: RegistryUnderTest, started: StartedRegistry): Scene {
  return { t, registry, bounds: registry.bounds, started, service: newService() };
}
