import assert from "node:assert/strict";
import { test } from "node:test";
import { isHeddleError } from "../call/errors.ts";
import type { ResolverUpdate } from "./resolver.ts";
import { createResolvers } from "./resolvers.ts";
import { createStaticResolver, staticEndpoints } from "./static.ts";
import { parseTarget } from "./target.ts";

test("a static target is one complete snapshot, and the watch lasts until it is aborted", async () => {
  const controller = new AbortController();
  const updates: ResolverUpdate[] = [];
  for await (const update of createStaticResolver().watch(
    parseTarget("static:///a:1,b:2,a:1"),
    controller.signal,
  )) {
    updates.push(update);
    queueMicrotask(() => controller.abort());
  }
  assert.equal(updates.length, 1);
  const [snapshot] = updates;
  assert.ok(snapshot?.kind === "snapshot" && snapshot.complete);
  assert.deepEqual(
    snapshot.endpoints.map(({ id, address, weight }) => [id, address, weight]),
    [
      ["a:1", "a:1", 1],
      ["b:2", "b:2", 1],
    ],
  );
});

test("an address that is none names itself", () => {
  assert.throws(
    () => staticEndpoints(parseTarget("static:///a:1,b")),
    (error) => isHeddleError(error) && error.reason === "targetInvalid" && error.message.includes('"b"'),
  );
});

test("the scheme chooses the resolver, the later of two, and an unknown one is refused", () => {
  const own = createStaticResolver();
  const resolvers = createResolvers([createStaticResolver(), own]);
  assert.equal(resolvers.find(parseTarget("a:1")), own);
  assert.throws(() => resolvers.find(parseTarget("ftp:///a")), /no resolver for scheme "ftp"; known: static/);
});
