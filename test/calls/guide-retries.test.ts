/** The guide on retries and hedging: its service configs are taken, and what it says of handlers holds. */
import "../kit/trap.ts";
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { Code, ConnectError } from "@connectrpc/connect";
import { createTransport, recordOf } from "heddle";
import { rejectsWith } from "../interop/cases/errors.ts";
import { connectTo, startEcho } from "../kit/running.ts";

const guide = await readFile(new URL("../../docs/guides/retries-and-hedging.md", import.meta.url), "utf8");

test("every service config of the guide is one", async () => {
  const configs = [...guide.matchAll(/```json\n([\s\S]*?)\n```/g)].map(([, text = ""]) => JSON.parse(text));
  assert.equal(configs.length, 3);
  for (const serviceConfig of configs) {
    await using transport = createTransport({ target: "static:///127.0.0.1:1", serviceConfig });
    assert.ok(transport);
  }
});

test("a handler sends the pushback as the guide shows it, and finds the number of the attempt", async (t) => {
  const shown = /new ConnectError\("([^"]+)", Code\.(\w+), \{ "([^"]+)": "([^"]+)" \}\)/.exec(guide);
  const [, text = "", code = "", name = "", value = ""] = shown ?? [];
  const previous: (string | null)[] = [];
  const server = await startEcho(t, {
    handlers: {
      idempotentUnary(_request, { requestHeader }) {
        if (previous.push(requestHeader.get("grpc-previous-rpc-attempts")) === 1)
          throw new ConnectError(text, Code[code as keyof typeof Code], { [name]: value });
        return {};
      },
    },
  });
  const startedAt = performance.now();
  await connectTo(t, server.address).idempotentUnary({});
  assert.deepEqual(previous, [null, "1"]);
  assert.ok(performance.now() - startedAt >= 249, "it came back when it was told to");
});

test("the pushback reaches callers of every protocol of ours", async (t) => {
  const server = await startEcho(t, {
    handlers: {
      idempotentUnary() {
        throw new ConnectError("no", Code.Unavailable, { "grpc-retry-pushback-ms": "-1" });
      },
    },
  });
  for (const protocol of ["grpc", "grpc-web", "connect"] as const) {
    const client = connectTo(t, server.address, { protocol });
    const error = await rejectsWith(client.idempotentUnary({}), Code.Unavailable);
    assert.equal(recordOf(error)?.stoppedBecause, "the server asked not to repeat it", protocol);
  }
});
