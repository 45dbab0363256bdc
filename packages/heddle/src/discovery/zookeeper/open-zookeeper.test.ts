import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { createRuntime } from "../../runtime/runtime.ts";
import { createVirtualTime } from "../../runtime/virtual-time.ts";
import type { RegistryClient } from "../registry-client.ts";
import { parseRegistryUrl } from "../registry-url.ts";
import { openZookeeper } from "./open-zookeeper.ts";

function open(text: string): RegistryClient {
  const time = createVirtualTime();
  return openZookeeper({
    url: parseRegistryUrl(text),
    runtime: createRuntime({ clock: time, timers: time }),
    env: {},
    incarnation: 1n,
    lastGood: undefined,
    onEvent: () => {},
    onWarning: () => {},
    openTransport: () => assert.fail("no gRPC here"),
  });
}

suite("zookeeper:// URLs", () => {
  test("open without connecting, and close at once", async () => {
    for (const query of [
      "",
      "/prod?base=/",
      "?layout=serverset&base=twitter/service&sessionTimeoutMs=4000",
      "?payload=spring&acl=open",
    ]) {
      const registry = open(`zookeeper://127.0.0.1:1${query}`);
      assert.equal(registry.resolver.scheme, "zookeeper");
      assert.ok(registry.registrar);
      await registry[Symbol.asyncDispose]();
      await registry[Symbol.asyncDispose]();
    }
  });

  test("say what is wrong with them, and never the password", () => {
    const faults: readonly (readonly [string, RegExp])[] = [
      ["zookeeper://a?layouts=curator", /did you mean layout\?/],
      ["zookeeper://a?layout=nerve", /one of curator, serverset/],
      ["zookeeper://a?sessionTimeoutMs=5", /at least 100/],
      ["zookeeper://a?acl=private", /need a user and a password/],
      ["zookeeper://a/..", /can't hold/],
      ["zookeeper://a?base=x/../y", /can't hold/],
      ["zookeeper://s3cret@a", /needs a user .* and a password/],
      ["zookeeper://us%3Aer:s3cret@a", /without a colon/],
      ["zookeeper://u:s3cret@a:0", /not between/],
      ["zookeeper://u:s3cret@a?passwordFile=/nowhere/s3cret", /cannot be read/],
    ];
    for (const [text, reason] of faults) {
      assert.throws(
        () => open(text),
        (error: Error) => {
          assert.match(error.message, reason, text);
          assert.doesNotMatch(error.message, /s3cret/);
          return true;
        },
      );
    }
  });
});
