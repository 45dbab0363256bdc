/** A folder as the registry of two processes, from URL to endpoints, and URLs that make no sense. */
import assert from "node:assert/strict";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { systemRuntime } from "../../runtime/runtime.ts";
import { createEndpoint } from "../endpoint.ts";
import { createEndpointSet } from "../endpoint-set.ts";
import type { RegistryClient } from "../registry-client.ts";
import { parseRegistryUrl } from "../registry-url.ts";
import { parseTarget } from "../target.ts";
import { openFile } from "./open-file.ts";

function open(url: string, incarnation = 1n): RegistryClient {
  return openFile({
    url: parseRegistryUrl(url),
    runtime: systemRuntime,
    env: {},
    incarnation,
    lastGood: undefined,
    onEvent: () => {},
    onWarning: (message) => assert.fail(message),
    openTransport: () => assert.fail("a file needs no transport"),
  });
}

test("what one process registers another finds, until the first gives it up", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "heddle-file-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  await using callee = open(`file://${folder}/?ttlMs=2000`);
  await using caller = open(`file://${folder}?pollMs=1000`);
  const registration = callee.registrar?.register(
    createEndpoint({ id: "one", address: "10.0.0.1:1", service: "orders", weight: 3 }),
  );
  assert.ok(registration);
  await registration.registered;
  const set = createEndpointSet();
  for await (const update of caller.resolver.watch(parseTarget("file:///orders"), t.signal)) {
    set.apply(update);
    const [endpoint] = set.endpoints.values();
    if (endpoint?.weight === 3) registration.update({ weight: 9 });
    if (endpoint?.weight === 9) await registration[Symbol.asyncDispose]();
    if (endpoint === undefined && (await readdir(folder)).length === 0) break;
  }
  assert.equal(registration.state, "closed");
});

test("a single file is read and never written", async () => {
  await using client = open("file:///etc/heddle/services.json");
  assert.equal(client.registrar, undefined);
});

test("a URL that makes no sense is refused", () => {
  assert.throws(() => open("file://etc/services.json"), /write file:\/\/\/absolute\/path/);
  assert.throws(() => open("file:///run/heddle?tllMs=1"), /did you mean ttlMs/);
  assert.throws(() => open("file:///run/heddle?ttlMs=soon"), /ttlMs/);
});
