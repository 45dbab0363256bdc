import assert from "node:assert/strict";
import { test } from "node:test";
import { createLeaseQueue } from "./lease-queue.ts";

test("leases run out in the order of their last renewal", () => {
  const queue = createLeaseQueue(100);
  assert.equal(queue.nextExpiry(), Number.POSITIVE_INFINITY);
  queue.renew("a", 0);
  queue.renew("b", 10);
  queue.renew("c", 20);
  queue.renew("a", 30);
  queue.delete("c");
  assert.equal(queue.nextExpiry(), 110);
  assert.deepEqual(queue.takeExpired(109), []);
  assert.deepEqual(queue.takeExpired(110), ["b"]);
  assert.equal(queue.expiresAt("b"), undefined);
  assert.equal(queue.expiresAt("a"), 130);
  queue.renew("d", 130);
  queue.renewAll(200);
  assert.deepEqual(queue.takeExpired(299), []);
  assert.deepEqual(queue.takeExpired(300), ["a", "d"]);
});
