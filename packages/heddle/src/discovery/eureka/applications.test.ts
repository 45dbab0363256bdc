import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createApplications, hashOf } from "./applications.ts";

const READING = { address: "ip", prefer: "plain", health: "all" } as const;

interface Info {
  readonly app: string;
  readonly instanceId: string;
  readonly status: string;
  readonly port: number;
}

const toInfo = ({ app, instanceId, status, port }: Info, actionType = "ADDED") => ({
  app,
  instanceId,
  status,
  ipAddr: "10.0.0.1",
  port: { $: port, "@enabled": "true" },
  actionType,
});

/** Instances as the server groups them; of one alone it may make no list. */
function answer(infos: readonly { readonly app: string }[], hash: string, single = false) {
  const apps = Map.groupBy(infos, ({ app }) => app);
  const application = [...apps].map(([name, list]) => ({
    name,
    instance: single && list.length === 1 ? list[0] : list,
  }));
  return {
    applications: {
      apps__hashcode: hash,
      application: single && application.length === 1 ? application[0] : application,
    },
  };
}

const info = fc.record({
  app: fc.constantFrom("A", "B", "C"),
  instanceId: fc.constantFrom("1", "2", "3", "4"),
  status: fc.constantFrom("UP", "DOWN", "OUT_OF_SERVICE"),
  port: fc.integer({ min: 1, max: 3 }),
});
const keyOf = ({ app, instanceId }: Info) => `${app}/${instanceId}`;

test("the hash is how many have which status", () => {
  const statuses = ["UP", "DOWN", "UP", "STARTING"].map((status) => ({ status }));
  assert.equal(hashOf(statuses), "DOWN_1_STARTING_1_UP_2_");
  assert.equal(hashOf([]), "");
});

test("full answers and overlapping deltas in any order leave what the server has", () => {
  const step = fc.record({ change: info, deleted: fc.boolean(), single: fc.boolean(), full: fc.boolean() });
  fc.assert(
    fc.property(fc.array(info), fc.array(step, { maxLength: 40 }), (first, steps) => {
      const server = new Map(first.map((one) => [keyOf(one), one]));
      const ours = createApplications(READING);
      ours.applyFull(
        answer(
          [...server.values()].map((one) => toInfo(one)),
          hashOf(server.values()),
        ),
      );
      const recent: ReturnType<typeof toInfo>[] = [];
      for (const { change, deleted, single, full } of steps) {
        if (deleted) server.delete(keyOf(change));
        else server.set(keyOf(change), change);
        recent.push(toInfo(change, deleted ? "DELETED" : "MODIFIED"));
        const hash = hashOf(server.values());
        if (full)
          ours.applyFull(
            answer(
              [...server.values()].map((one) => toInfo(one)),
              hash,
              single,
            ),
          );
        else assert.equal(ours.applyDelta(answer(recent.slice(-5), hash, single)), true);
        assert.equal(ours.size, server.size);
        for (const app of ["A", "b", "C"]) {
          const expected = [...server.values()].filter((one) => one.app === app.toUpperCase());
          assert.deepEqual(
            ours
              .endpointsOf(app)
              .map(({ id, address }) => `${id} ${address}`)
              .sort(),
            expected.map((one) => `${keyOf(one)} 10.0.0.1:${one.port}`).sort(),
          );
        }
      }
    }),
  );
});

test("a delta after a missed one is noticed by its hash", () => {
  const ours = createApplications(READING);
  const [one, two, three] = ["1", "2", "3"].map((instanceId) => ({
    app: "A",
    instanceId,
    status: "UP",
    port: 1,
  }));
  assert.ok(one && two && three);
  ours.applyFull(answer([toInfo(one)], "UP_1_"));
  assert.equal(ours.applyDelta(answer([toInfo(three)], "UP_3_")), false);
});

test("what did not change has no new revision, whatever else did", () => {
  const ours = createApplications(READING);
  const [a, b] = ["A", "B"].map((app) => ({ app, instanceId: "1", status: "UP", port: 1 }));
  assert.ok(a && b);
  ours.applyFull(answer([toInfo(a), toInfo(b)], "UP_2_"));
  const [ofA, ofB] = [ours.revisionOf("a"), ours.revisionOf("b")];
  ours.applyFull(answer([toInfo(a), toInfo(b)], "UP_2_"));
  ours.applyDelta(answer([toInfo(a), toInfo({ ...b, status: "DOWN" })], "DOWN_1_UP_1_"));
  assert.equal(ours.revisionOf("a"), ofA);
  assert.notEqual(ours.revisionOf("b"), ofB);
});

test("by default only those that are up are wanted", () => {
  const ours = createApplications({ ...READING, health: "up" });
  const infos = ["UP", "DOWN", "STARTING", "UNKNOWN"].map((status, index) =>
    toInfo({ app: "A", instanceId: String(index), status, port: 1 }),
  );
  ours.applyFull(answer(infos, ""));
  assert.deepEqual(
    ours.endpointsOf("a").map(({ id }) => id),
    ["A/0"],
  );
});

test("no answer whatever breaks the reader, and what is none is told", () => {
  const keys = fc.constantFrom(
    "application",
    "instance",
    "app",
    "port",
    "$",
    "@enabled",
    "metadata",
    "status",
    "ipAddr",
  );
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { maxDepth: 5 },
      fc.constantFrom(null, true, -1, 0, 99_999, 1.5, "", "x", "A"),
      fc.array(tie("tree"), { maxLength: 3 }),
      fc.dictionary(keys, tie("tree"), { maxKeys: 5 }),
    ),
  }));
  fc.assert(
    fc.property(tree, tree, (full, delta) => {
      const ours = createApplications(READING);
      ours.applyFull({ applications: { application: full } });
      ours.applyDelta({ applications: { application: delta } });
    }),
  );
  const ours = createApplications(READING);
  for (const none of [null, [], {}, { applications: null }, { applications: [] }]) {
    assert.throws(() => ours.applyFull(none), /no applications/);
  }
});

test("instances that come and go under ever new names leave nothing, and their going is seen", () => {
  const applications = createApplications(READING);
  for (let round = 0; round < 100; round++) {
    const info = { app: `A${round}`, instanceId: "i", status: "UP", port: 1 };
    applications.applyFull(answer([toInfo(info)], ""));
    const there = applications.revisionOf(info.app);
    assert.notEqual(there, 0);
    applications.applyFull(answer([], ""));
    assert.notEqual(applications.revisionOf(info.app), there);
  }
  assert.deepEqual([applications.size, applications.names], [0, 0]);
});
