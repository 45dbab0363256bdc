/** Checks of what becomes of everybody when the registry, or the way to it, fails. */
import assert from "node:assert/strict";
import { startRelay } from "../../relay.ts";
import { until } from "../../within.ts";
import { type Check, changeOf, type Crew, elapsed, gatherCrew, know, type Scene, told } from "./check.ts";
import { startInstanceProcess } from "./side.ts";
import { instanceOf, openView } from "./view.ts";

export const faultChecks: readonly Check[] = [
  {
    name: "frozen server",
    says: "frozen for twice the lease: noticed, nobody is taken away, and everybody is registered again",
    async run(scene) {
      const { t, bounds, started } = scene;
      const crew = await gatherCrew(scene);
      const { views, members, followings } = crew;
      const froms = views.map(({ events }) => events.length);
      await Promise.all(started.nodes.map((node) => node.freeze()));
      const atMs = performance.now();
      const since = () => Math.round(performance.now() - atMs);
      try {
        const readers = Promise.all(
          views.map((view, v) => told(view, "disconnected", froms[v] ?? 0, bounds.noticedMs)),
        ).then(() => t.diagnostic(`callers noticed the frozen server after ${since()} ms`));
        const registrants = until(
          () => started.publish !== undefined || members.every(({ state }) => state === "lost"),
          "every registration being lost",
          bounds.noticedMs + bounds.leaseMs,
        ).then(() => {
          if (started.publish === undefined)
            t.diagnostic(`registrants took themselves for lost after ${since()} ms`);
        });
        await Promise.all([readers, registrants]);
        await elapsed(atMs, bounds.leaseMs * 2);
        for (const { lowest } of followings) assert.equal(lowest, 6, "unreachable is not empty");
      } finally {
        for (const node of started.nodes) node.thaw();
      }
      await isWhole(scene, crew);
    },
  },
  {
    name: "restarted server",
    says: "killed and restarted: nobody is taken away; what changed meanwhile is known, and who died is gone",
    async run(scene) {
      const { t, bounds, started, service } = scene;
      const crew = await gatherCrew(scene);
      const { views, members, followings } = crew;
      const mortal = instanceOf(service, 9);
      const side =
        started.publish === undefined
          ? await startInstanceProcess(t, started.url(), mortal, bounds.changeMs)
          : undefined;
      await know(followings, side === undefined ? 6 : 7, bounds.changeMs);
      const froms = views.map(({ events }) => events.length);
      for (const following of followings) following.mark();

      await Promise.all(started.nodes.map((node) => node.kill()));
      await Promise.all(views.map((view, v) => told(view, "disconnected", froms[v] ?? 0, bounds.noticedMs)));
      await side?.kill();
      const [first] = members;
      first?.update({ weight: 77 });
      const late = views[1]?.enrol(instanceOf(service, 6));
      for (const { lowest } of followings) assert.ok(lowest >= 6, "unreachable is not empty");
      await Promise.all(started.nodes.map((node) => node.restart()));

      await late?.registered;
      const expected = [0, 1, 2, 3, 4, 5, 6].map((n) => instanceOf(service, n).address).toSorted();
      await Promise.all(
        followings.map((following) =>
          following.when(
            () =>
              following.addresses().join() === expected.join() &&
              following.get(instanceOf(service, 0).address)?.weight === 77,
            "what is true after the restart",
            bounds.mendedMs + bounds.goneMs,
          ),
        ),
      );
      for (const { lowest } of followings) assert.ok(lowest >= 1, "nobody sees an empty set");
      await until(
        () => members.every(({ state }) => state === "registered"),
        "every registration being back",
        bounds.mendedMs,
      );
    },
  },
  {
    name: "forgotten history",
    says: "a reader whose cursor is too old knows what is true, without having seen nothing",
    async run(scene) {
      const { t, bounds, started, service } = scene;
      const relays = await Promise.all(started.nodes.map(({ address }) => startRelay(t, address)));
      const { views, members, followings } = await gatherCrew(scene);
      const [one] = views;
      assert.ok(one);
      const away = await openView(t, started, {
        url: started.url({ hosts: relays.map(({ address }) => address) }),
      });
      const reader = away.follow(service);
      await know([reader], 6, bounds.changeMs);
      reader.mark();

      const from = away.events.length;
      for (const relay of relays) relay.cutOff();
      const atMs = performance.now();
      await told(away, "disconnected", from, bounds.noticedMs);
      await members[5]?.leave();
      await one.enrol(instanceOf(service, 7)).registered;
      const [first] = members;
      assert.ok(first);
      await changeOf(first, instanceOf(service, 0).address, followings, bounds.changeMs);
      await started.forgetHistory?.();
      await elapsed(atMs, bounds.leaseMs * 2);
      assert.equal(reader.lowest, 6);
      for (const relay of relays) relay.mend();

      const expected = [0, 1, 2, 3, 4, 7].map((n) => instanceOf(service, n).address).join();
      await Promise.all(
        [reader, ...followings].map((each) =>
          each.when(
            () => each.addresses().join() === expected,
            "what is true now",
            bounds.mendedMs + bounds.goneMs,
          ),
        ),
      );
      assert.ok(reader.lowest >= 5, `the fewest that were seen are ${reader.lowest}`);
      await changeOf(first, instanceOf(service, 0).address, [reader, ...followings], bounds.mendedMs);
    },
  },
  {
    name: "lost answer",
    says: "a write whose answer is lost leaves one instance, which its process can change, and take away",
    async run({ t, bounds, started, service }) {
      const relays = await Promise.all(started.nodes.map(({ address }) => startRelay(t, address)));
      const reader = (await openView(t, started)).follow(service);
      const view = await openView(t, started, {
        url: started.url({ hosts: relays.map(({ address }) => address) }),
      });
      await view.enrol(instanceOf(service, 0)).registered;
      await know([reader], 1, bounds.changeMs);

      for (const relay of relays) relay.loseAnswers(started.isWrite);
      const [one, two] = [instanceOf(service, 1), instanceOf(service, 2)];
      const [stays, leaves] = [view.enrol(one), view.enrol(two)];
      await reader.when(
        () => reader.get(one.address) !== undefined && reader.get(two.address) !== undefined,
        "the write, of which the writer knows nothing",
        bounds.changeMs,
      );
      assert.deepEqual([stays.state, leaves.state], ["registering", "registering"]);
      stays.update({ weight: 5 });
      const left = leaves.leave();
      for (const relay of relays) relay.mend();

      await Promise.all([stays.registered, left]);
      await reader.when(
        () =>
          reader.addresses().join() === [instanceOf(service, 0).address, one.address].join() &&
          reader.get(one.address)?.weight === 5,
        "one instance of each that is there, as it is now",
        bounds.mendedMs + bounds.goneMs,
      );
      await changeOf(stays, one.address, [reader], bounds.changeMs);
    },
  },
  {
    name: "one node silent",
    says: "each node in turn is frozen: changes arrive, and nobody is taken away",
    async run(scene) {
      const { t, bounds, started } = scene;
      const { members, followings } = await gatherCrew(scene, started.url({ lease: "long" }));
      for (const [n, node] of started.nodes.entries()) {
        await node.freeze();
        const atMs = performance.now();
        try {
          for (const m of [0, 3]) await change(scene, members, followings, m, bounds.mendedMs);
          const ms = Math.round(performance.now() - atMs);
          t.diagnostic(`changes of both processes without node ${n} after ${ms} ms`);
        } finally {
          node.thaw();
        }
        // The next one may go when this one serves again.
        const back = await openView(t, started, { url: started.url({ hosts: [node.address] }) });
        await know([back.follow(scene.service)], 6, bounds.mendedMs);
        await change(scene, members, followings, n, bounds.mendedMs);
      }
      for (const { lowest } of followings) assert.equal(lowest, 6);
    },
  },
  {
    name: "one node left",
    says: "all nodes but one are frozen for twice the lease: nobody is taken away, and all is well afterwards",
    async run(scene) {
      const { bounds, started } = scene;
      const crew = await gatherCrew(scene);
      const [, ...others] = started.nodes;
      await Promise.all(others.map((node) => node.freeze()));
      try {
        await elapsed(performance.now(), bounds.leaseMs * 2);
        for (const { lowest } of crew.followings) assert.ok(lowest >= 1, "nobody sees an empty set");
      } finally {
        for (const node of others) node.thaw();
      }
      await isWhole(scene, crew);
    },
  },
];

/** All are registered and known, a change arrives, it stays so, and at no time was there nobody. */
async function isWhole(scene: Scene, { members, followings }: Crew): Promise<void> {
  const { t, bounds } = scene;
  const atMs = performance.now();
  await until(
    () => members.every(({ state }) => state === "registered"),
    "every registration being back",
    bounds.mendedMs,
  );
  for (const m of [0, 5]) await change(scene, members, followings, m, bounds.mendedMs);
  await know(followings, 6, bounds.mendedMs);
  t.diagnostic(`all was well ${Math.round(performance.now() - atMs)} ms after the end of the fault`);
  for (const { lowest } of followings) assert.ok(lowest >= 1, "nobody sees an empty set");
  for (const following of followings) following.mark();
  await elapsed(performance.now(), bounds.leaseMs);
  for (const { lowest } of followings) assert.equal(lowest, 6, "it stays so");
}

async function change(
  { service }: Scene,
  members: Crew["members"],
  followings: Crew["followings"],
  m: number,
  ms: number,
): Promise<void> {
  const member = members[m] ?? assert.fail(`there is no member ${m}`);
  await changeOf(member, instanceOf(service, m).address, followings, ms);
}
