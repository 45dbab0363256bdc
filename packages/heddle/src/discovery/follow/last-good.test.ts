import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { createVirtualTime } from "../../runtime/virtual-time.ts";
import { createEndpoint } from "../endpoint.ts";
import { createLastGoodStore, defaultStateFolder } from "./last-good.ts";

const folder = await mkdtemp(join(tmpdir(), "heddle-last-good-"));
after(() => rm(folder, { recursive: true }));

const endpoints = [
  createEndpoint({
    id: "a",
    address: "127.0.0.1:1",
    service: "s",
    contracts: ["x.Y"],
    zone: "z",
    metadata: { k: "v" },
  }),
  createEndpoint({ id: "b", address: "[::1]:2", weight: 5, version: "1.2", draining: true }),
  createEndpoint({
    id: "c",
    address: "127.0.0.1:3",
    otherAddresses: ["[::1]:3"],
    protocols: ["grpc"],
    tls: true,
    health: "unhealthy",
  }),
];

test("what one process saved the next one finds, with its age", async () => {
  const time = createVirtualTime();
  await using first = createLastGoodStore({ registry: "r:1", folder, clock: time, timers: time });
  first.save("heddle:///s", endpoints);
  await first.flush();
  time.advance(60_000);
  await using second = createLastGoodStore({ registry: "r:1", folder, clock: time, timers: time });
  const found = await second.load("heddle:///s");
  assert.deepEqual(found, { endpoints, savedAtMs: time.wallMs() - 60_000, ageMs: 60_000 });
  assert.equal(await second.load("heddle:///other"), undefined);
  await using elsewhere = createLastGoodStore({ registry: "r:2", folder });
  assert.equal(await elsewhere.load("heddle:///s"), undefined);
});

test("of several sets within 200 ms the last is written, once", async () => {
  const time = createVirtualTime();
  await using store = createLastGoodStore({ registry: "debounce", folder, clock: time, timers: time });
  store.save("t", []);
  time.advance(150);
  store.save("t", endpoints);
  assert.equal(await store.load("t"), undefined);
  assert.equal(time.pending, 1);
  time.advance(50);
  await store.flush();
  assert.deepEqual((await store.load("t"))?.endpoints, endpoints);
});

test("disposing writes what is due and drops what comes later", async () => {
  const store = createLastGoodStore({ registry: "dispose", folder });
  store.save("t", endpoints);
  await store[Symbol.asyncDispose]();
  store.save("t", []);
  await store.flush();
  assert.deepEqual((await store.load("t"))?.endpoints, endpoints);
});

test("a file that is damaged in any way is ignored with a warning, and written anew", async () => {
  const own = join(folder, "damaged");
  const warnings: string[] = [];
  const onWarning = (message: string) => void warnings.push(message);
  await using store = createLastGoodStore({ registry: "r", folder: own, onWarning });
  store.save("t", endpoints);
  await store.flush();
  const [name = ""] = await readdir(join(own, "endpoints"));
  const path = join(own, "endpoints", name);
  const sound = await readFile(path, "utf8");
  const damages = [
    "",
    sound.slice(0, sound.length / 2),
    "null",
    "[]",
    sound.replace('"format":1', '"format":2'),
    sound.replace("127.0.0.1:1", "nowhere"),
    sound.replace('"weight":5', '"weight":-1'),
    sound.replace("[::1]:3", "[::1]"),
    sound.replace('["grpc"]', '"grpc"'),
    sound.replace('"tls":true', '"tls":1'),
    sound.replace('"unhealthy"', '"ill"'),
    sound.replace('"target":"t"', '"target":"u"'),
  ];
  for (const damaged of damages) {
    await writeFile(path, damaged);
    assert.equal(await store.load("t"), undefined, damaged);
  }
  assert.equal(warnings.length, damages.length);
  store.save("t", endpoints);
  await store.flush();
  assert.deepEqual((await store.load("t"))?.endpoints, endpoints);
  assert.deepEqual(await readdir(join(own, "endpoints")), [name], "no temporary file is left");
});

test("what a killed process left half written is removed, and what another one is writing isn't", async () => {
  const own = join(folder, "killed");
  await mkdir(join(own, "endpoints"), { recursive: true });
  const [old, young, other] = ["a.json.1.x.tmp", "b.json.2.y.tmp", "c.json"].map((name) =>
    join(own, "endpoints", name),
  );
  for (const path of [old, young, other] as string[]) await writeFile(path, "{");
  const longAgo = new Date(Date.now() - 7_200_000);
  for (const path of [old, other] as string[]) await utimes(path, longAgo, longAgo);
  await using store = createLastGoodStore({ registry: "r", folder: own });
  store.save("t", endpoints);
  await store.flush();
  const names = await readdir(join(own, "endpoints"));
  assert.deepEqual(names.filter((name) => /^[abc]\.json/.test(name)).toSorted(), [
    "b.json.2.y.tmp",
    "c.json",
  ]);
});

test("a file of a version that knew fewer fields is read, with their defaults", async () => {
  const own = join(folder, "older");
  await using store = createLastGoodStore({ registry: "r", folder: own });
  store.save("t", [createEndpoint({ address: "127.0.0.1:1" })]);
  await store.flush();
  const [name = ""] = await readdir(join(own, "endpoints"));
  const path = join(own, "endpoints", name);
  const older = (await readFile(path, "utf8"))
    .replace('"otherAddresses":[],', "")
    .replace('"protocols":[],', "")
    .replace('"health":"unknown",', "");
  assert.doesNotMatch(older, /otherAddresses|protocols|health/);
  await writeFile(path, older);
  assert.deepEqual((await store.load("t"))?.endpoints, [createEndpoint({ address: "127.0.0.1:1" })]);
});

test("an endpoint that could not be read again does not spoil the others", async () => {
  await using store = createLastGoodStore({ registry: "hostile", folder });
  const odd = [
    { address: "10.0.0.1:0" },
    { address: "10.0.0.1:1", otherAddresses: ["nonsense"] },
    { address: "10.0.0.1:1", weight: 1e300 },
    { address: "10.0.0.1:1", tls: Object as unknown as boolean },
  ].map(createEndpoint);
  store.save("t", [...odd, ...endpoints]);
  await store.flush();
  assert.deepEqual(
    (await store.load("t"))?.endpoints.map(({ id }) => id),
    ["a", "b", "c"],
  );
});

test("a folder that can't be written is a warning, once until it can", async () => {
  const file = join(folder, "a-file");
  await writeFile(file, "");
  const warnings: string[] = [];
  await using store = createLastGoodStore({
    registry: "r",
    folder: file,
    onWarning: (message) => void warnings.push(message),
  });
  store.save("t", endpoints);
  await store.flush();
  assert.match(warnings.join(), /cannot save the last good endpoints of t/);
  store.save("t", endpoints);
  await store.flush();
  assert.equal(warnings.length, 1);
  await rm(file);
  store.save("t", endpoints);
  await store.flush();
  await rm(file, { recursive: true });
  await writeFile(file, "");
  store.save("t", endpoints);
  await store.flush();
  assert.equal(warnings.length, 2);
});

test("the state folder follows the environment", () => {
  assert.equal(defaultStateFolder({ HEDDLE_STATE_DIR: "/s", XDG_CACHE_HOME: "/c" }), "/s");
  assert.equal(defaultStateFolder({ XDG_CACHE_HOME: "/c" }), "/c/heddle");
  assert.match(defaultStateFolder({}), /\/\.cache\/heddle$/);
});
