/** Checks of what becomes of an instance: how it is seen, how long it stays, whose it is, whatever the clocks say. */
import assert from "node:assert/strict";
import type { Endpoint } from "heddle/discovery";
import { createRuntime, type Runtime } from "heddle/testing";
import { until } from "../../within.ts";
import { type Check, changeOf, elapsed, know } from "./check.ts";
import type { CarriedField } from "./registry-under-test.ts";
import { startInstanceProcess } from "./side.ts";
import { instanceOf, openView } from "./view.ts";

const DAY_MS = 24 * 3600 * 1000;

export const registeringChecks: readonly Check[] = [
  {
    name: "fields",
    says: "an instance is found as it was registered, by its service and its contract, changed, drained, and gone",
    async run({ t, registry, bounds, started, service }) {
      const { loses } = registry;
      const contract = `${service.replace("-", "")}.v1.OrderService`;
      const whole = instanceOf(service, 1, {
        otherAddresses: ["127.2.0.1:4001"],
        contracts: [contract],
        protocols: ["grpc", "connect"],
        tls: true,
        weight: 3,
        zone: "eu-west-1a",
        version: "1.2.3",
        metadata: { team: "shop", "a key of ours": "with ünusual content, and = too" },
      });
      const view = await openView(t, started);
      const byService = view.follow(service);
      const byContract = loses.contracts === undefined ? view.follow(contract) : byService;
      const member = view.enrol(whole);
      await member.registered;
      await know([byService, byContract], 1, bounds.changeMs);
      for (const { get } of [byService, byContract])
        assert.deepEqual(kept(get(whole.address), loses), kept(whole, loses));
      for (const [field, reason] of Object.entries(loses)) t.diagnostic(`not carried: ${field}: ${reason}`);

      if (loses.weight === undefined) await changeOf(member, whole.address, [byService], bounds.changeMs);
      if (loses.metadata === undefined) {
        member.update({ metadata: { team: "other" } });
        await byService.when(
          () => byService.get(whole.address)?.metadata["team"] === "other",
          "new metadata",
          bounds.changeMs,
        );
      }
      if (loses.draining === undefined) {
        member.update({ draining: true });
        await byService.when(
          () => byService.get(whole.address)?.draining === true,
          "its draining",
          bounds.changeMs,
        );
      }
      await member.leave();
      await know([byService, byContract], 0, bounds.goneMs);
    },
  },
  {
    name: "renewal",
    says: "an instance stays while its process lives",
    async run({ t, bounds, started, service }) {
      const view = await openView(t, started);
      const reader = (await openView(t, started)).follow(service);
      const member = view.enrol(instanceOf(service, 1));
      await member.registered;
      await know([reader], 1, bounds.changeMs);
      reader.mark();
      const from = view.events.length;
      await elapsed(performance.now(), bounds.leaseMs * 2.5);
      assert.equal(reader.lowest, 1);
      assert.ok(!view.events.slice(from).includes("unregistered"));
      assert.equal(member.state, "registered");
    },
  },
  {
    name: "expiry",
    says: "an instance that stands still goes when its lease is over, and is back when it goes on",
    async run({ t, bounds, started, service }) {
      const reader = (await openView(t, started)).follow(service);
      const side = await startInstanceProcess(t, started.url(), instanceOf(service, 1), bounds.changeMs);
      await know([reader], 1, bounds.changeMs);
      side.freeze();
      const atMs = performance.now();
      await know([reader], 0, bounds.goneMs + bounds.leaseMs);
      t.diagnostic(`a frozen instance was gone after ${Math.round(performance.now() - atMs)} ms`);
      side.thaw();
      await know([reader], 1, bounds.mendedMs);
    },
  },
  {
    name: "killed instance",
    says: "of two processes one is killed: it is gone, and the other stays",
    async run({ t, bounds, started, service }) {
      const reader = (await openView(t, started)).follow(service);
      const [one, two] = [instanceOf(service, 1), instanceOf(service, 2)];
      const [first] = await Promise.all(
        [one, two].map((instance) => startInstanceProcess(t, started.url(), instance, bounds.changeMs)),
      );
      await know([reader], 2, bounds.changeMs);
      reader.mark();
      const atMs = performance.now();
      await first?.kill();
      await reader.when(() => reader.size < 2, "the killed one being gone", bounds.goneMs);
      t.diagnostic(`a killed instance was gone after ${Math.round(performance.now() - atMs)} ms`);
      assert.deepEqual(reader.addresses(), [two.address]);
      await elapsed(performance.now(), bounds.leaseMs);
      assert.equal(reader.lowest, 1);
    },
  },
  {
    name: "incarnations",
    says: "of two incarnations of an instance the newer one is seen, also when the older one leaves",
    async run({ t, bounds, started, service }) {
      const reader = (await openView(t, started)).follow(service);
      const [before, after] = [1, 2].map((n) => instanceOf(service, n, { id: `${service}-1` }));
      assert.ok(before && after);
      const oldView = await openView(t, started, { incarnation: 1n });
      const old = oldView.enrol(before);
      await old.registered;
      await reader.when(() => reader.get(before.address) !== undefined, "the older one", bounds.changeMs);
      const young = (await openView(t, started, { incarnation: 2n })).enrol(after);
      await young.registered;
      const isYoung = () => reader.addresses().join() === after.address;
      await reader.when(isYoung, "the newer one instead", bounds.mendedMs);
      // It finds out at the latest when it writes, and does not give up; it must not win either.
      old.update({ weight: 9 });
      await until(() => old.state !== "registered", "the older one being told", bounds.mendedMs);
      await old.leave();
      reader.mark();
      await elapsed(performance.now(), bounds.leaseMs * 1.5);
      assert.ok(isYoung(), String(reader.addresses()));
      assert.equal(reader.lowest, 1);
      await changeOf(young, after.address, [reader], bounds.changeMs);
    },
  },
  {
    name: "clock jump",
    says: "a process whose wall clock is set by a day, and by two days back, loses nothing and finds all changes",
    async run({ t, bounds, started, service }) {
      let offsetMs = 0;
      const own = createRuntime();
      const runtime: Runtime = createRuntime({
        clock: { now: () => own.clock.now(), wallMs: () => own.clock.wallMs() + offsetMs },
      });
      const jumping = await openView(t, started, { runtime });
      const still = await openView(t, started);
      const [here, there] = [jumping, still].map((view, v) => view.enrol(instanceOf(service, v)));
      assert.ok(here && there);
      const followings = [jumping.follow(service), still.follow(service)];
      await Promise.all([here.registered, there.registered]);
      await know(followings, 2, bounds.changeMs);
      for (const following of followings) following.mark();
      const from = jumping.events.length;
      for (const days of [1, -1]) {
        offsetMs = days * DAY_MS;
        const atMs = performance.now();
        await changeOf(here, instanceOf(service, 0).address, followings, bounds.changeMs);
        await changeOf(there, instanceOf(service, 1).address, followings, bounds.changeMs);
        await elapsed(atMs, bounds.leaseMs * 1.5);
        for (const { lowest } of followings) assert.equal(lowest, 2);
        assert.equal(here.state, "registered");
      }
      assert.ok(!jumping.events.slice(from).includes("unregistered"));
      const late = jumping.enrol(instanceOf(service, 2));
      await late.registered;
      await know(followings, 3, bounds.changeMs);
    },
  },
];

/** What of an endpoint must have survived, in an order of its own. */
function kept(
  endpoint: Endpoint | undefined,
  loses: Readonly<Partial<Record<CarriedField, string>>>,
): unknown {
  if (endpoint === undefined) return undefined;
  const { health: _, ...fields } = endpoint;
  return Object.fromEntries(
    Object.entries(fields)
      .filter(([field]) => !Object.hasOwn(loses, field))
      .toSorted(([a], [b]) => (a < b ? -1 : 1)),
  );
}
