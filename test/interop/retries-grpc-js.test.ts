/**
 * What gRFC A6 lets client and server say to each other about further attempts, between Heddle and grpc-js, both ways:
 * pushback, the number of the attempt, throttling, hedging with its cancellation.
 */
import "../kit/trap.ts";
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { Code, ConnectError, type HandlerContext } from "@connectrpc/connect";
import {
  Client as GrpcClient,
  credentials,
  Metadata,
  type MethodDefinition,
  Server as GrpcServer,
  ServerCredentials,
  type ServerUnaryCall,
  type ServiceError,
  type ServerWritableStream,
  type sendUnaryData,
} from "@grpc/grpc-js";
import { type CallRecord, recordOf, type TransportOptions } from "heddle";
import { EchoService } from "../gen/heddle/test/v1/echo_pb.ts";
import { assertHedged } from "../kit/hedged.ts";
import { toDefinition } from "../kit/peers/grpc-js-words.ts";
import { addressesOf, connectTo, startEcho } from "../kit/running.ts";
import { until, within } from "../kit/within.ts";
import { rejectsWith } from "./cases/errors.ts";
import { collect } from "./streams.ts";

const PUSHBACK = "grpc-retry-pushback-ms";
const PREVIOUS = "grpc-previous-rpc-attempts";
const unary = toDefinition(EchoService.method.unary) as MethodDefinition<object, object>;
const idempotentUnary = toDefinition(EchoService.method.idempotentUnary) as MethodDefinition<object, object>;

// grpc-js serves, Heddle calls.

type GrpcHandler = (call: ServerUnaryCall<object, object>, answer: sendUnaryData<object>) => void;

async function startGrpcJs(t: TestContext, handler: GrpcHandler) {
  const server = new GrpcServer();
  const previous: (string | undefined)[] = [];
  const times: number[] = [];
  let cancelled = 0;
  const handle: GrpcHandler = (call, answer) => {
    const [number] = call.metadata.get(PREVIOUS);
    previous.push(number?.toString());
    times.push(performance.now());
    call.on("cancelled", () => cancelled++);
    handler(call, answer);
  };
  server.addService({ unary, idempotentUnary } as never, { unary: handle, idempotentUnary: handle } as never);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  t.after(() => server.forceShutdown());
  return { address: `127.0.0.1:${port}`, previous, times, cancelled: () => cancelled };
}

/** An answer of grpc-js that is only a status, with a word about further attempts. */
function unavailable(pushback?: string): Partial<ServiceError> {
  const metadata = new Metadata();
  if (pushback !== undefined) metadata.set(PUSHBACK, pushback);
  return { code: Code.Unavailable as number, details: "not now", metadata };
}

test("Heddle comes back to grpc-js when that says, and numbers its attempts", async (t) => {
  const server = await startGrpcJs(t, (_call, answer) => answer(unavailable("120")));
  const error = await rejectsWith(
    connectTo(t, server.address).idempotentUnary({}),
    Code.Unavailable,
    "not now",
  );
  assert.equal(error.metadata.get(PUSHBACK), "120", "and who called may read it");
  assert.deepEqual(server.previous, [undefined, "1", "2"]);
  const [first = 0, second = 0, third = 0] = server.times;
  for (const waitedMs of [second - first, third - second])
    assert.ok(waitedMs >= 119 && waitedMs < 5000, `${waitedMs} ms`);
  assert.equal(recordOf(error)?.stoppedBecause, "all 3 attempts were used");
});

test("Heddle does not come back when grpc-js says no, or nothing that can be read", async (t) => {
  for (const word of ["-1", "later"]) {
    const server = await startGrpcJs(t, (_call, answer) => answer(unavailable(word)));
    const error = await rejectsWith(connectTo(t, server.address).idempotentUnary({}), Code.Unavailable);
    assert.equal(recordOf(error)?.stoppedBecause, "the server asked not to repeat it");
    assert.equal(server.previous.length, 1);
  }
});

test("Heddle stops repeating towards grpc-js when half the tokens of retryThrottling are gone", async (t) => {
  const server = await startGrpcJs(t, (_call, answer) => answer(unavailable()));
  const client = connectTo(t, server.address, {
    serviceConfig: {
      methodConfig: [
        {
          name: [{}],
          retryPolicy: {
            maxAttempts: 2,
            initialBackoff: "0.001s",
            maxBackoff: "0.001s",
            backoffMultiplier: 1,
            retryableStatusCodes: ["UNAVAILABLE"],
          },
        },
      ],
      retryThrottling: { maxTokens: 4, tokenRatio: 0.1 },
    },
  });
  const stopped: (string | undefined)[] = [];
  for (let call = 0; call < 3; call++)
    stopped.push(recordOf(await rejectsWith(client.unary({}), Code.Unavailable))?.stoppedBecause);
  // Four tokens, more than two needed: three after the first failure, two after the repeat.
  assert.deepEqual(stopped, [
    "all 2 attempts were used",
    "retryThrottling allows none at present",
    "retryThrottling allows none at present",
  ]);
  assert.equal(server.previous.length, 4);
});

const HEDGING = (delay: string) => ({
  methodConfig: [
    {
      name: [{}],
      hedgingPolicy: { maxAttempts: 2, hedgingDelay: delay, nonFatalStatusCodes: ["UNAVAILABLE"] },
    },
  ],
});

test("a hedge of Heddle is answered by another grpc-js, and the first one sees the cancellation", async (t) => {
  const slow = await startGrpcJs(t, () => {});
  const quick = await startGrpcJs(t, (_call, answer) => answer(null, {}));
  const records: CallRecord[] = [];
  const options: Omit<TransportOptions, "target"> = {
    balancer: "round_robin",
    serviceConfig: HEDGING("0.02s"),
    observe: (record) => records.push(record),
  };
  const client = connectTo(t, addressesOf(slow, quick), options);
  await until(async () => {
    await client.unary({});
    return slow.cancelled() > 0;
  }, "a call to the slow server that was hedged");
  assertHedged(records, slow.address, quick.address);
  assert.ok(quick.previous.includes("1"));
});

test("the head of a stream binds Heddle to its attempt; before it, grpc-js is asked again", async (t) => {
  const server = new GrpcServer();
  let asked = 0;
  let withHead = false;
  const serverStream = toDefinition(EchoService.method.idempotentServerStream);
  const handle = (call: ServerWritableStream<object, object>) => {
    asked++;
    if (withHead) call.sendMetadata(new Metadata());
    // After the head has left, or it would travel with the status.
    setTimeout(() => call.emit("error", unavailable()), 20);
  };
  server.addService({ serverStream } as never, { serverStream: handle } as never);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  t.after(() => server.forceShutdown());
  const client = connectTo(t, `127.0.0.1:${port}`);
  await rejectsWith(collect(client.idempotentServerStream({})), Code.Unavailable, "not now");
  assert.equal(asked, 3);
  withHead = true;
  const error = await rejectsWith(collect(client.idempotentServerStream({})), Code.Unavailable, "not now");
  assert.equal(asked, 4);
  assert.match(recordOf(error)?.stoppedBecause ?? "", /passed on already/);
});

// Heddle serves, grpc-js calls.

function connectGrpcJs(t: TestContext, address: string, serviceConfig: object) {
  const client = new GrpcClient(address, credentials.createInsecure(), {
    "grpc.service_config": JSON.stringify(serviceConfig),
    "grpc.enable_retries": 1,
  });
  t.after(() => client.close());
  return () =>
    new Promise<object | undefined>((resolve, reject) => {
      client.makeUnaryRequest(
        unary.path,
        unary.requestSerialize,
        unary.responseDeserialize,
        {},
        new Metadata(),
        { deadline: Date.now() + 5000 },
        (error, answer) => (error === null ? resolve(answer) : reject(error)),
      );
    });
}

const RETRY = {
  maxAttempts: 3,
  initialBackoff: "0.001s",
  maxBackoff: "0.001s",
  backoffMultiplier: 1,
  retryableStatusCodes: ["UNAVAILABLE"],
};

/** A server of ours whose handler sees who comes again, and fails as `fail` says. */
async function startHeddle(
  t: TestContext,
  fail: (context: HandlerContext, index: number) => void | Promise<void>,
) {
  const previous: (string | null)[] = [];
  const times: number[] = [];
  let cancelled = 0;
  const server = await startEcho(t, {
    handlers: {
      unary: async (_request, context) => {
        const index = previous.push(context.requestHeader.get(PREVIOUS)) - 1;
        times.push(performance.now());
        context.signal.addEventListener("abort", () => cancelled++);
        await fail(context, index);
        return {};
      },
    },
  });
  return { address: server.address, previous, times, cancelled: () => cancelled };
}

function notNow(pushback?: string): ConnectError {
  return new ConnectError(
    "not now",
    Code.Unavailable,
    pushback === undefined ? undefined : { [PUSHBACK]: pushback },
  );
}

test("grpc-js repeats what a handler of Heddle fails with UNAVAILABLE, which sees the number of the attempt", async (t) => {
  const server = await startHeddle(t, (_context, index) => {
    if (index < 2) throw notNow();
  });
  await connectGrpcJs(t, server.address, { methodConfig: [{ name: [{}], retryPolicy: RETRY }] })();
  assert.deepEqual(server.previous, [null, "1", "2"]);
});

test("grpc-js waits as long as a handler of Heddle says, and stays away when it says no", async (t) => {
  const config = { methodConfig: [{ name: [{}], retryPolicy: RETRY }] };
  const waiting = await startHeddle(t, (_context, index) => {
    if (index === 0) throw notNow("150");
  });
  await connectGrpcJs(t, waiting.address, config)();
  const [first = 0, second = 0] = waiting.times;
  assert.ok(second - first >= 145 && second - first < 5000, `${second - first} ms`);
  const refusing = await startHeddle(t, () => {
    throw notNow("-1");
  });
  await assert.rejects(connectGrpcJs(t, refusing.address, config)(), /not now/);
  assert.equal(refusing.previous.length, 1);
});

test("grpc-js stops repeating towards Heddle when its tokens are gone", async (t) => {
  const server = await startHeddle(t, () => {
    throw notNow();
  });
  const call = connectGrpcJs(t, server.address, {
    methodConfig: [{ name: [{}], retryPolicy: { ...RETRY, maxAttempts: 2 } }],
    retryThrottling: { maxTokens: 4, tokenRatio: 0.1 },
  });
  for (let i = 0; i < 3; i++) await assert.rejects(call(), /not now/);
  assert.equal(server.previous.length, 4, "as many as Heddle sends with the same config");
});

test("grpc-js hedges towards Heddle, takes the first answer, and the other handler is told to stop", async (t) => {
  const server = await startHeddle(t, async (context, index) => {
    if (index === 0) await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
  });
  await within(connectGrpcJs(t, server.address, HEDGING("0.03s"))(), "the hedge's answer");
  assert.deepEqual(server.previous, [null, "1"]);
  await until(() => server.cancelled() >= 1, "the first handler to be told");
});
