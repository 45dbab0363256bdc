/**
 * What every store of answers must do, yours too. `check` makes a store, or opens the same one again, and `sleep` lets
 * its time pass, be it real or not.
 */
import assert from "node:assert/strict";
import type { IdempotencyStore } from "./idempotency-store.ts";

export interface StoreUnderTest {
  /** Each call with the same name opens the same store. */
  open(): Promise<IdempotencyStore>;
  /** Lets so many ms pass, by the store's clock. */
  sleep(ms: number): Promise<void>;
}

type Check = (store: IdempotencyStore, under: StoreUnderTest, key: string) => Promise<void>;

const claim = (owner: string, fingerprint = "f", leaseMs = 60_000) => ({ owner, fingerprint, leaseMs });

/** By what they show. Every one uses a key of its own. */
export const storeContract: Readonly<Record<string, Check>> = {
  async "a new key is the claimant's, and the next one is told that it runs"(store, _under, key) {
    assert.deepEqual(await store.claim(key, claim("a", "of a")), { state: "yours" });
    assert.deepEqual(await store.claim(key, claim("b", "of b")), { state: "running", fingerprint: "of a" });
    assert.deepEqual(await store.claim(key, claim("a", "of a")), { state: "yours" }, "its own lease anew");
  },

  async "an answer is kept as it is, and told to all"(store, _under, key) {
    const answer = JSON.stringify({ text: "é \u0000 \u{1f9f5}", long: "x".repeat(100_000) });
    await store.claim(key, claim("a", "of a"));
    assert.equal(await store.finish(key, "a", answer, 60_000), true);
    for (const owner of ["a", "b"])
      assert.deepEqual(await store.claim(key, claim(owner)), { state: "done", fingerprint: "of a", answer });
  },

  async "of many claims at once one is granted"(store, under, key) {
    const other = await under.open();
    const claims = Array.from({ length: 50 }, (_, i) =>
      (i % 2 === 0 ? store : other).claim(key, claim(`o${i}`)),
    );
    const granted = (await Promise.all(claims)).filter(({ state }) => state === "yours");
    assert.equal(granted.length, 1);
  },

  async "a key that is given up is free, and only its owner gives it up"(store, _under, key) {
    await store.claim(key, claim("a"));
    await store.release(key, "b");
    assert.equal((await store.claim(key, claim("b"))).state, "running");
    await store.release(key, "a");
    assert.equal((await store.claim(key, claim("b"))).state, "yours");
  },

  async "an answer is neither written twice nor by another, nor given up"(store, _under, key) {
    await store.claim(key, claim("a"));
    assert.equal(await store.finish(key, "b", "of b", 60_000), false);
    assert.equal(await store.finish(key, "a", "of a", 60_000), true);
    assert.equal(await store.finish(key, "a", "again", 60_000), false);
    await store.release(key, "a");
    assert.deepEqual(await store.claim(key, claim("a")), { state: "done", fingerprint: "f", answer: "of a" });
  },

  async "a claim without a sign of its owner runs out, and who took it over keeps it"(store, under, key) {
    await store.claim(key, claim("a", "f", 200));
    await under.sleep(100);
    assert.equal((await store.claim(key, claim("a", "f", 200))).state, "yours");
    await under.sleep(150);
    assert.equal((await store.claim(key, claim("b"))).state, "running", "the sign was seen");
    await under.sleep(100);
    assert.equal((await store.claim(key, claim("b"))).state, "yours");
    assert.equal(await store.finish(key, "a", "late", 60_000), false);
    assert.equal(await store.finish(key, "b", "of b", 60_000), true);
  },

  async "an answer is forgotten after its time"(store, under, key) {
    await store.claim(key, claim("a", "f", 60_000));
    await store.finish(key, "a", "of a", 200);
    await under.sleep(300);
    assert.deepEqual(await store.claim(key, claim("b", "another")), { state: "yours" });
  },
};
