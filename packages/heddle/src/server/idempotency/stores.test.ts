import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { createVirtualTime } from "../../runtime/virtual-time.ts";
import { createMemoryIdempotencyStore } from "./memory-store.ts";
import { openSqliteIdempotencyStore } from "./sqlite-store.ts";
import { type StoreUnderTest, storeContract } from "./store-suite.ts";

const folder = await mkdtemp(join(tmpdir(), "heddle-once-"));
after(() => rm(folder, { recursive: true }));

const clock = createVirtualTime();
const sleep = async (ms: number) => clock.advance(ms);
const memory = createMemoryIdempotencyStore({ clock });
const stores: Record<string, StoreUnderTest> = {
  memory: { open: async () => memory, sleep },
  sqlite: { open: () => openSqliteIdempotencyStore({ path: join(folder, "answers.sqlite"), clock }), sleep },
};

for (const [name, under] of Object.entries(stores)) {
  for (const [what, check] of Object.entries(storeContract)) {
    test(`${name}: ${what}`, async () => {
      await using store = await under.open();
      await check(store, under, `${name} ${what}`);
    });
  }
}

const claim = { owner: "a", fingerprint: "f", leaseMs: 1000 };

test("memory: the oldest answers go when there are too many, calls that run stay", async () => {
  await using store = createMemoryIdempotencyStore({ clock, maxKeys: 3 });
  await store.claim("runs", claim);
  for (const key of ["1", "2", "3"]) {
    await store.claim(key, claim);
    await store.finish(key, "a", key, 60_000);
  }
  const found = async (key: string) => (await store.claim(key, { ...claim, owner: "b" })).state;
  assert.deepEqual([await found("2"), await found("3"), await found("runs")], ["done", "done", "running"]);
  assert.equal(await found("1"), "yours");
});

test("memory: the oldest answers go when they are too long together", async () => {
  await using store = createMemoryIdempotencyStore({ clock, maxCharacters: 100 });
  for (const key of ["1", "2"]) {
    await store.claim(key, claim);
    await store.finish(key, "a", "x".repeat(60), 60_000);
  }
  assert.equal((await store.claim("1", claim)).state, "yours");
  assert.equal((await store.claim("2", claim)).state, "done");
});

test("sqlite: answers outlive the process, and the oldest go when there are too many", async () => {
  const path = join(folder, "few.sqlite");
  {
    await using store = await openSqliteIdempotencyStore({ path, clock, maxKeys: 10 });
    for (let i = 0; i < 1000; i++) {
      await store.claim(`key ${i}`, claim);
      await store.finish(`key ${i}`, "a", "x", 60_000 + i);
    }
  }
  await using store = await openSqliteIdempotencyStore({ path, clock });
  assert.equal((await store.claim("key 998", claim)).state, "done");
  assert.equal((await store.claim("key 5", claim)).state, "yours");
});
