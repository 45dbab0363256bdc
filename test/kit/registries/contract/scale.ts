/** Checks of size, speed and slow readers. */
import assert from "node:assert/strict";
import { createEndpointSet, parseTarget } from "heddle/discovery";
import { until } from "../../within.ts";
import { type Check, changeOf, elapsed, gatherCrew, know } from "./check.ts";
import { startReaderProcess } from "./side.ts";
import { instanceOf, openView } from "./view.ts";

const MANY = 5_000;
const MANY_WITHIN_MS = 60_000;
const APART_MS = 40;

export const scaleChecks: readonly Check[] = [
  {
    name: "many instances",
    says: "5 000 instances of a service (or as many as it can hold) are known, and a change among them is one step",
    async run({ t, registry, bounds, started, service }) {
      const { count, reason } = registry.many ?? { count: MANY, reason: "" };
      if (reason !== "") t.diagnostic(`${count} instead of ${MANY}: ${reason}`);
      const writer = await openView(t, started, { url: started.url({ lease: "long" }) });
      const endpoints = Array.from({ length: count }, (_, n) => instanceOf(service, n));
      const startedAtMs = performance.now();
      const all = started.registerMany;
      if (all !== undefined) await all(service, endpoints);
      else if (started.publish !== undefined) await started.publish(service, endpoints);
      else await Promise.all(endpoints.map((endpoint) => writer.enrol(endpoint).registered));
      t.diagnostic(`${count} registered in ${Math.round(performance.now() - startedAtMs)} ms`);

      const readAtMs = performance.now();
      const reader = (await openView(t, started)).follow(service);
      await know([reader], count, MANY_WITHIN_MS);
      t.diagnostic(`${count} listed in ${Math.round(performance.now() - readAtMs)} ms`);
      if (started.publish !== undefined && all === undefined) {
        const [first, ...others] = endpoints;
        assert.ok(first);
        await started.publish(service, [{ ...first, weight: 9 }, ...others]);
        await reader.when(() => reader.get(first.address)?.weight === 9, "a change", MANY_WITHIN_MS);
        return;
      }
      const changedAtMs = performance.now();
      const one = writer.enrol(instanceOf(service, count));
      await know([reader], count + 1, bounds.mendedMs);
      t.diagnostic(`one more was known after ${Math.round(performance.now() - changedAtMs)} ms`);
      await one.leave();
      await know([reader], count, bounds.mendedMs);
    },
  },
  {
    name: "slow reader",
    says: "a reader that reads nothing for a while has missed nothing, and reads little",
    async run(scene) {
      const { t, service, bounds } = scene;
      const { views, members, followings } = await gatherCrew(scene);
      const [view] = views;
      assert.ok(view);
      const { resolver } = view;
      const stop = new AbortController();
      t.after(() => stop.abort());
      const updates = resolver
        .watch(parseTarget(`${resolver.scheme}:///${service}`), stop.signal)
        [Symbol.asyncIterator]();
      const set = createEndpointSet();
      const read = async () => {
        const { value, done } = await updates.next();
        assert.ok(!done);
        assert.equal(set.apply(value).resync, false);
      };
      while (set.endpoints.size < 6) await read();

      const rounds = bounds.latencyChanges >= 100 ? 20 : 3;
      for (let round = 0; round < rounds; round++) {
        for (const [m, member] of members.entries()) member.update({ weight: 100 * round + m });
        await Promise.all(
          followings.map((following) =>
            following.when(
              () =>
                members.every(
                  (_, m) => following.get(instanceOf(service, m).address)?.weight === 100 * round + m,
                ),
              `round ${round}`,
              bounds.changeMs,
            ),
          ),
        );
      }
      await members[5]?.leave();
      await know(followings, 5, bounds.goneMs);

      const truth = followings[0];
      const isTrue = () =>
        set.endpoints.size === 5 &&
        [...set.endpoints.values()].every(({ address, weight }) => truth?.get(address)?.weight === weight);
      let reads = 0;
      for (; !isTrue() && reads < 3; reads++) await read();
      assert.ok(isTrue(), `after ${reads} updates it is not what is true`);
    },
  },
  {
    name: "frozen reader",
    says: "a reading process that is frozen while much changes has missed nothing when it goes on",
    async run(scene) {
      const { t, started, service, bounds } = scene;
      const { views, members, followings } = await gatherCrew(scene);
      const scheme = views[0]?.resolver.scheme ?? "";
      const reader = startReaderProcess(t, started.url(), `${scheme}:///${service}`);
      const knows = () => {
        const all = followings[0]
          ?.addresses()
          .map((address) => `${address}=${followings[0]?.get(address)?.weight}`);
        return reader.lines.at(-1) === all?.join(" ");
      };
      await until(knows, "the reader's first list", 10_000 + bounds.changeMs);
      reader.freeze();
      const changes = bounds.latencyChanges >= 100 ? 60 : 3;
      for (let n = 0; n < changes; n++) {
        const m = n % 5;
        const member = members[m];
        assert.ok(member);
        await changeOf(member, instanceOf(service, m).address, followings, bounds.changeMs);
      }
      await members[5]?.leave();
      await know(followings, 5, bounds.goneMs);
      const from = reader.lines.length;
      reader.thaw();
      await until(knows, "the reader knowing what is true", bounds.mendedMs + bounds.goneMs);
      assert.ok(!reader.lines.includes("resync"), "each update follows on the one before");
      assert.ok(
        reader.lines.slice(from).every((line) => line !== ""),
        "nobody sees an empty set",
      );
    },
  },
  {
    name: "latency",
    says: "how long a change takes to a reader",
    async run({ t, bounds, started, service }) {
      const url = started.url({ lease: "long" });
      const writer = await openView(t, started, { url });
      const reader = (await openView(t, started, { url })).follow(service);
      const endpoint = instanceOf(service, 1);
      const member = writer.enrol(endpoint);
      await member.registered;
      await know([reader], 1, bounds.changeMs);
      const tookMs: number[] = [];
      for (let n = 0; n < bounds.latencyChanges; n++) {
        const atMs = performance.now();
        await changeOf(member, endpoint.address, [reader], bounds.changeMs);
        tookMs.push(performance.now() - atMs);
        // By itself: changes that follow close on each other are folded.
        await elapsed(performance.now(), APART_MS);
      }
      const sorted = tookMs.toSorted((a, b) => a - b);
      const quantile = (q: number) => (sorted[Math.ceil(q * sorted.length) - 1] ?? 0).toFixed(1);
      t.diagnostic(
        `${sorted.length} changes reached a reader in: p50 ${quantile(0.5)} ms, p99 ${quantile(0.99)} ms`,
      );
    },
  },
];
