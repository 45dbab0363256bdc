/**
 * Every kind of call, aborted in every phase: the caller is told at once, the handler is told at once, and nothing
 * stays behind: no listener, no stream, no rejection that nobody handles.
 */
import "../kit/trap.ts";
import { Code, createTransport } from "heddle";
import { createClient } from "@connectrpc/connect";
import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { type TestContext, test } from "node:test";
import { EchoService } from "../gen/heddle/test/v1/echo_pb.ts";
import { rejectsWith } from "../interop/cases/errors.ts";
import { startEcho } from "../kit/running.ts";
import { until, within } from "../kit/within.ts";
import { Witness } from "../kit/witness.ts";

const kinds = ["unary", "serverStream", "clientStream", "bidiStream"] as const;
type Kind = (typeof kinds)[number];

interface Plan {
  readonly id?: string;
  readonly hang?: boolean;
  readonly count?: number;
  readonly answerBytes?: number;
}

interface Options {
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
}

function startClient(t: TestContext, target: string, options = {}) {
  const transport = createTransport({ target, maxConnections: 1, ...options });
  t.after(() => transport.close("now"));
  const client = createClient(EchoService, transport);

  /** Requests without end, one a turn; `asked.over` when the call has let go of them. */
  async function* requests(plan: Plan, asked: { over: boolean }) {
    try {
      for (;;) {
        yield { plan, payload: new Uint8Array(10) };
        await new Promise(setImmediate);
      }
    } finally {
      asked.over = true;
    }
  }

  return {
    transport,
    /** Makes a call; resolves with the messages it got, and rejects as the call does. */
    async call(kind: Kind, plan: Plan, options: Options, onAnswer: () => void = () => {}): Promise<boolean> {
      const asked = { over: false };
      try {
        if (kind === "unary") await client.unary({ plan }, options);
        else if (kind === "serverStream")
          for await (const _ of client.serverStream({ plan }, options)) onAnswer();
        else if (kind === "clientStream") await client.clientStream(requests(plan, asked), options);
        else for await (const _ of client.bidiStream(requests(plan, asked), options)) onAnswer();
      } finally {
        // Those whose handler began have been asked for requests, and let go of them.
        if (plan.id !== undefined && (kind === "clientStream" || kind === "bidiStream"))
          await until(() => asked.over, "the end of the requests");
      }
      return true;
    },
    /** Nothing is left of any call. */
    async clean(): Promise<void> {
      const left = () =>
        transport
          .describe()
          .instances.reduce(
            (sum, { inFlight, waiting, connections }) =>
              sum + inFlight + waiting + connections.reduce((streams, each) => streams + each.streams, 0),
            0,
          );
      await until(() => left() === 0, "the end of all streams");
    },
  };
}

for (const kind of kinds) {
  test(`${kind}: a signal that has fired already`, async (t) => {
    const { call, clean } = startClient(t, (await startEcho(t)).address);
    const signal = AbortSignal.abort("before");
    await rejectsWith(call(kind, {}, { signal }), Code.Canceled);
    assert.equal(getEventListeners(signal, "abort").length, 0);
    await clean();
  });

  test(`${kind}: while it waits for an instance`, async (t) => {
    const { call, transport } = startClient(t, "127.0.0.1:1");
    const abort = new AbortController();
    const failed = rejectsWith(call(kind, {}, { signal: abort.signal }), Code.Canceled);
    await until(() => transport.describe().waiting === 1, "the wait");
    abort.abort();
    await within(failed, "the end of the call", 1000);
    assert.equal(getEventListeners(abort.signal, "abort").length, 0);
    assert.equal(transport.describe().waiting, 0);
  });

  test(`${kind}: while it waits for a stream`, async (t) => {
    const witness = new Witness();
    const server = await startEcho(t, { witness, http2: { maxConcurrentStreams: 1 } });
    const { call, clean, transport } = startClient(t, server.address);
    const [first, second] = [new AbortController(), new AbortController()];
    const id = witness.newId();
    const running = rejectsWith(call("unary", { id, hang: true }, { signal: first.signal }), Code.Canceled);
    await witness.started(id);
    const failed = rejectsWith(call(kind, {}, { signal: second.signal }), Code.Canceled);
    await until(() => transport.describe().instances[0]?.waiting === 1, "the wait");
    second.abort();
    await within(failed, "the end of the call", 1000);
    first.abort();
    await running;
    await clean();
  });

  test(`${kind}: while its handler runs`, async (t) => {
    const witness = new Witness();
    const { call, clean } = startClient(t, (await startEcho(t, { witness })).address);
    const abort = new AbortController();
    const id = witness.newId();
    const failed = rejectsWith(call(kind, { id, hang: true }, { signal: abort.signal }), Code.Canceled);
    await witness.started(id);
    abort.abort();
    await within(Promise.all([failed, witness.over(id)]), "the end of both sides", 1000);
    assert.equal(getEventListeners(abort.signal, "abort").length, 0);
    await clean();
  });

  test(`${kind}: at its deadline, while its handler runs`, async (t) => {
    const witness = new Witness();
    const { call, clean } = startClient(t, (await startEcho(t, { witness })).address);
    const id = witness.newId();
    const failed = rejectsWith(call(kind, { id, hang: true }, { timeoutMs: 60 }), Code.DeadlineExceeded);
    await within(Promise.all([failed, witness.over(id)]), "the end of both sides", 1500);
    await clean();
  });

  if (kind !== "unary")
    test(`${kind}: in the middle of its messages`, async (t) => {
      const witness = new Witness();
      const { call, clean } = startClient(t, (await startEcho(t, { witness })).address);
      const abort = new AbortController();
      const id = witness.newId();
      let answers = 0;
      const failed = rejectsWith(
        call(kind, { id, count: 1_000_000, answerBytes: 2000 }, { signal: abort.signal }, () => answers++),
        Code.Canceled,
      );
      if (kind === "clientStream") await witness.received(id, 5);
      else await until(() => answers >= 5, "five answers");
      abort.abort();
      await within(Promise.all([failed, witness.over(id)]), "the end of both sides", 1000);
      assert.equal(getEventListeners(abort.signal, "abort").length, 0);
      await clean();
    });

  test(`${kind}: because its server hangs up`, async (t) => {
    const witness = new Witness();
    const server = await startEcho(t, { witness });
    const { call, clean } = startClient(t, server.address);
    const { signal } = new AbortController();
    const id = witness.newId();
    const failed = rejectsWith(call(kind, { id, hang: true }, { signal }), Code.Unavailable);
    await witness.started(id);
    await Promise.all([server.close({ drainMs: 0 }), failed, witness.over(id)]);
    assert.equal(getEventListeners(signal, "abort").length, 0);
    await clean();
  });

  test(`${kind}: because its client closes`, async (t) => {
    const witness = new Witness();
    const { call, transport } = startClient(t, (await startEcho(t, { witness })).address);
    const { signal } = new AbortController();
    const id = witness.newId();
    const failed = rejectsWith(call(kind, { id, hang: true }, { signal }), Code.Unavailable);
    await witness.started(id);
    transport.close("now");
    await within(Promise.all([failed, witness.over(id)]), "the end of both sides", 1000);
    assert.equal(getEventListeners(signal, "abort").length, 0);
  });
}

test("one signal for a thousand calls of all kinds, aborted half-way, keeps no listener", async (t) => {
  const { call, clean, transport } = startClient(t, (await startEcho(t)).address);
  const abort = new AbortController();
  const calls = Array.from({ length: 1000 }, (_, i) =>
    call(kinds[i % 4] as Kind, { hang: true }, { signal: abort.signal }).catch(() => false),
  );
  await until(() => transport.describe().instances[0]?.inFlight === 1000, "a thousand calls under way");
  abort.abort();
  const outcomes = await within(Promise.all(calls), "the end of all calls");
  assert.ok(outcomes.every((ok) => !ok));
  assert.equal(getEventListeners(abort.signal, "abort").length, 0);
  await clean();
});
