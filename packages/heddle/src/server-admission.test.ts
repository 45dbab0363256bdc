import assert from "node:assert/strict";
import { test } from "node:test";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { criticalityOf } from "./call/criticality.ts";
import { createTransport, type TransportOptions } from "./client/transport.ts";
import { Echo } from "./contract/echo-service.test.ts";
import { implement } from "./server/implement.ts";
import { createServer } from "./server/server.ts";

let names = 0;
const quick = { targetDelayMs: 1, patienceMs: 100 };

/** A handler that computes. */
function spin(forMs: number): Record<string, never> {
  const untilMs = performance.now() + forMs;
  while (performance.now() < untilMs);
  return {};
}

/** How calls of these levels end that come together, by level. */
async function callMany(levels: readonly string[], options: Partial<TransportOptions> = {}) {
  const listen = `memory:admit-${names++}`;
  await using _ = await createServer({
    services: [implement(Echo, { say: () => spin(5) })],
    listen,
    admission: quick,
  });
  await using transport = createTransport({ target: listen, ...options });
  const client = createClient(Echo, transport);
  const outcomes = await Promise.allSettled(
    levels.map((level) => client.say({}, { headers: { "heddle-criticality": level }, timeoutMs: 60_000 })),
  );
  const refused = outcomes.map((outcome) =>
    outcome.status === "rejected" ? (outcome.reason as ConnectError).code : undefined,
  );
  return Object.groupBy(refused, (_code, i) => levels[i] as string);
}

test("an overloaded server refuses what may be missing and takes what may not, in each protocol", async () => {
  const levels = Array.from({ length: 40 }, (_, i) => (i % 4 === 3 ? "critical_plus" : "sheddable"));
  for (const protocol of ["grpc", "grpc-web", "connect"] as const) {
    const { sheddable = [], critical_plus: critical } = await callMany(levels, { protocol });
    assert.deepEqual(
      critical,
      Array.from({ length: 10 }, () => undefined),
      protocol,
    );
    assert.ok(sheddable.filter((code) => code === Code.Unavailable).length > 10, protocol);
    assert.ok(
      sheddable.every((code) => code === undefined || code === Code.Unavailable),
      protocol,
    );
  }
});

test("a handler reads how critical its call is", async () => {
  const listen = `memory:admit-${names++}`;
  const seen: string[] = [];
  await using _ = await createServer({
    services: [
      implement(Echo, {
        say: (_request, context) => {
          seen.push(criticalityOf(context));
          return {};
        },
      }),
    ],
    listen,
  });
  await using transport = createTransport({ target: listen });
  const client = createClient(Echo, transport);
  await client.say({}, { headers: { "heddle-criticality": "sheddable_plus" } });
  await client.say({});
  assert.deepEqual(seen, ["sheddable_plus", "critical"]);
});

test("admission can be switched off, and options that make no sense are refused", async () => {
  const listen = `memory:admit-${names++}`;
  await using _ = await createServer({ services: [], listen, admission: false });
  await assert.rejects(createServer({ services: [], listen: "memory:x", admission: { patienceMs: 0 } }), {
    reason: "optionInvalid",
  });
});
