/** What a call made inside a handler inherits from the call being served, and the way out. */
import "../kit/trap.ts";
import { Code, type HandlerContext, runDetached } from "heddle";
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { UnaryRequest } from "../gen/heddle/test/v1/echo_pb.ts";
import { rejectsWith } from "../interop/cases/errors.ts";
import { connectTo, startEcho } from "../kit/running.ts";
import { Witness } from "../kit/witness.ts";

type Forward = (
  request: UnaryRequest,
  call: (headers?: Record<string, string>) => Promise<unknown>,
  context: HandlerContext,
) => Promise<unknown>;

/** A front server whose unary handler calls a back server with the same plan, the way `forward` says. */
async function startChain(t: TestContext, forward: Forward) {
  const witness = new Witness();
  const back = await startEcho(t, { witness });
  const toBack = connectTo(t, back.address);
  const front = await startEcho(t, {
    propagate: ["x-tenant"],
    handlers: {
      async unary(request, context) {
        const call = (headers: Record<string, string> = {}) =>
          toBack.unary(request.plan === undefined ? {} : { plan: request.plan }, { headers });
        await forward(request, call, context);
        return {};
      },
    },
  });
  return { witness, client: connectTo(t, front.address) };
}

const inside: Forward = (_, call) => call();

test("the deadline of the served call bounds the calls inside it", async (t) => {
  const { witness, client } = await startChain(t, inside);
  const id = witness.newId();
  await client.unary({ plan: { id } }, { timeoutMs: 5000 });
  const { timeoutMs } = await witness.started(id);
  assert.ok(timeoutMs !== undefined && timeoutMs <= 5000 && timeoutMs > 1000, `${timeoutMs} ms`);
});

test("a deadline that passes ends the whole chain", async (t) => {
  const { witness, client } = await startChain(t, inside);
  const id = witness.newId();
  await rejectsWith(client.unary({ plan: { id, hang: true } }, { timeoutMs: 200 }), Code.DeadlineExceeded);
  await witness.aborted(id);
});

test("a caller that cancels cancels the whole chain", async (t) => {
  const { witness, client } = await startChain(t, inside);
  const id = witness.newId();
  const controller = new AbortController();
  const call = rejectsWith(
    client.unary({ plan: { id, hang: true } }, { signal: controller.signal }),
    Code.Canceled,
  );
  await witness.started(id);
  controller.abort();
  await call;
  await witness.aborted(id);
});

test("a handler that goes on after it was cancelled sets nobody to work any more", async (t) => {
  const late = Promise.withResolvers<unknown>();
  const serving = Promise.withResolvers<void>();
  const { witness, client } = await startChain(t, async (_, call, { signal }) => {
    serving.resolve();
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    await new Promise((resolve) => setImmediate(resolve));
    await call().then(late.resolve, late.reject);
  });
  const id = witness.newId();
  const controller = new AbortController();
  const call = rejectsWith(client.unary({ plan: { id } }, { signal: controller.signal }), Code.Canceled);
  await serving.promise;
  controller.abort();
  await call;
  await rejectsWith(late.promise, Code.Canceled);
  assert.equal(witness.saw(id), false, "the call inside was not sent");
});

test("trace and marked metadata go on; unmarked metadata does not", async (t) => {
  const { witness, client } = await startChain(t, inside);
  const id = witness.newId();
  const traceId = "0af7651916cd43dd8448eb211c80319c";
  await client.unary(
    { plan: { id } },
    { headers: { "x-tenant": "acme", "x-private": "no", traceparent: `00-${traceId}-b7ad6b7169203331-01` } },
  );
  const { header } = await witness.started(id);
  assert.equal(header.get("x-tenant"), "acme");
  assert.equal(header.get("x-private"), null);
  assert.match(header.get("traceparent") ?? "", new RegExp(`^00-${traceId}-[0-9a-f]{16}-[0-9a-f]{2}$`));
});

for (const [what, own, tenant] of [
  ["of the same name replaces what would travel on", { "x-tenant": "other" }, "other"],
  ["whose value is the name of what travels on does not hide it", { "x-vary": "x-tenant" }, "acme"],
] as const) {
  test(`metadata ${what}`, async (t) => {
    const { witness, client } = await startChain(t, (_, call) => call(own));
    const id = witness.newId();
    await client.unary({ plan: { id } }, { headers: { "x-tenant": "acme" } });
    const { header } = await witness.started(id);
    assert.equal(header.get("x-tenant"), tenant);
  });
}

test("detached, a call has a deadline of its own and outlives the served one", async (t) => {
  const finished = Promise.withResolvers<void>();
  const { witness, client } = await startChain(t, async (_, call) => {
    runDetached(() => call()).then(() => finished.resolve(), finished.reject);
  });
  const id = witness.newId();
  await client.unary({ plan: { id, delayMs: 50 } }, { timeoutMs: 5000, headers: { "x-tenant": "acme" } });
  await finished.promise;
  const { timeoutMs, header } = await witness.started(id);
  assert.ok(timeoutMs !== undefined && timeoutMs > 10_000, `${timeoutMs} ms: the default, not the caller's`);
  assert.equal(header.get("x-tenant"), null);
});

test("an error of the call inside reaches the caller as it is", async (t) => {
  const { client } = await startChain(t, inside);
  await rejectsWith(
    client.unary({ plan: { failure: { code: Code.FailedPrecondition, message: "sold out" } } }),
    Code.FailedPrecondition,
    "sold out",
  );
});

test("the default deadline of 15 s is on the wire", async (t) => {
  const witness = new Witness();
  const server = await startEcho(t, { witness });
  const id = witness.newId();
  await connectTo(t, server.address).unary({ plan: { id } });
  const { timeoutMs } = await witness.started(id);
  assert.ok(timeoutMs !== undefined && timeoutMs > 10_000 && timeoutMs <= 15_000, `${timeoutMs} ms`);
});
