/**
 * Every code of the catalogue, provoked for real: through the public surface, or on the wire by a peer that does
 * what no honest one would. The table below is keyed by the catalogue, so a new code needs a line here.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { BytesValueSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { parseConnectError } from "./call/connect-error.ts";
import { CATALOGUE, type ErrorName } from "./call/error-catalogue.ts";
import { HeddleError, isHeddleError } from "./call/errors.ts";
import { statusName } from "./call/status.ts";
import { createTransport, type TransportOptions } from "./client/transport.ts";
import { createAuthority } from "../../../test/kit/certificates.ts";
import { closeInMemory, connectInMemory, listenInMemory } from "./connection/memory.ts";
import { type ClientTlsOptions, createClientTls, type ServerTlsOptions } from "./connection/tls.ts";
import {
  connectScriptedClient,
  envelope,
  type ScriptedStream,
  startScriptedServer,
  until,
} from "./connection/scripted-peer.test.ts";
import { dial } from "./connection/dial.ts";
import { Echo } from "./contract/echo-service.test.ts";
import { Shop, shopOf } from "./contract/declaring-service.test.ts";
import { registryOfServices } from "./contract/registry-of-services.ts";
import { plansOf } from "./contract/rest/plans-of.test.ts";
import { createBinding } from "./contract/rest/binding.ts";
import { readRequest } from "./contract/rest/read-request.ts";
import { placeWantedTag } from "./contract/rest/wanted-tag.ts";
import { Nonsense, Orders } from "./contract/validation/ruled-service.test.ts";
import { startControlPlane } from "./control/plane/plane.ts";
import { registryRefusal } from "./discovery/registry-error.ts";
import { createMesh } from "./mesh.ts";
import { systemTimers } from "./runtime/timer.ts";
import { isRefusal } from "./server/choose-protocol.ts";
import { chooseWebSocket } from "./server/choose-web-socket.ts";
import { createMemoryIdempotencyStore } from "./server/idempotency/memory-store.ts";
import { implement } from "./server/implement.ts";
import type { ServerOptions } from "./server/options.ts";
import { createServer } from "./server/server.ts";
import { CLIENT_PREFACE } from "./wire/http2/constants.ts";

/** How an error showed itself: as a value where it arose, or as the status and text that travelled. */
type Shown = unknown;

let names = 0;
const newAddress = () => `memory:provoked-${names++}`;

async function failure(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => assert.fail("it succeeded"),
    (error: unknown) => error,
  );
}

async function thrownBy(body: () => unknown): Promise<unknown> {
  return await failure((async () => body())());
}

/** A server whose handler waits until it is released. */
async function serveHeld(options: Partial<ServerOptions> = {}) {
  const address = newAddress();
  const held = Promise.withResolvers<object>();
  const server = await createServer({
    services: [implement(Echo, { say: () => held.promise })],
    listen: address,
    ...options,
  });
  return {
    address,
    release: () => held.resolve({}),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** A call to a server that does what `script` says. */
async function callScripted(
  script: (request: ScriptedStream) => void,
  options: Partial<TransportOptions> = {},
): Promise<Shown> {
  using server = startScriptedServer(newAddress().slice("memory:".length), script);
  await using transport = createTransport({ target: server.address, waitForReadyMs: 200, ...options });
  return await failure(createClient(Echo, transport).say({}, { timeoutMs: 5000 }));
}

/** A call to a real server whose handler is `say`. */
async function callServer(
  say: () => Promise<{ value: Uint8Array }>,
  options: Partial<ServerOptions> = {},
  client: Partial<TransportOptions> = {},
): Promise<Shown> {
  const listen = newAddress();
  await using _ = await createServer({
    services: [implement(Echo, { say })],
    listen,
    onHandlerError: () => {},
    ...options,
  });
  await using transport = createTransport({ target: listen, ...client });
  return await failure(createClient(Echo, transport).say({}));
}

const requestHead = (extra: Readonly<Record<string, string>> = {}): string[] =>
  Object.entries({
    ":method": "POST",
    ":scheme": "http",
    ":path": "/heddle.unit.Echo/Say",
    ":authority": "x",
    te: "trailers",
    "content-type": "application/grpc",
    ...extra,
  }).flat();

/** A request as a scripted client sends it to a real server; the answer's status stands for the error. */
async function requestByHand(head: string[], body?: Uint8Array): Promise<Shown> {
  const listen = newAddress();
  await using _ = await createServer({ services: [implement(Echo, { say: () => ({}) })], listen });
  const client = connectScriptedClient(listen);
  const stream = client.open(head, body === undefined);
  if (body !== undefined) stream.sendBytes(body, true);
  await until(() => stream.over);
  client.cut();
  const error = parseConnectError(stream.data, Code.Unknown);
  if (error !== undefined) return error;
  return new ConnectError(
    decodeURIComponent(stream.field("grpc-message") ?? ""),
    Number(stream.field("grpc-status")) as Code,
  );
}

/** Bytes that break HTTP/2, sent to a real server after a good opening; what the server made of them. */
async function breakHttp2(
  frames: Uint8Array,
  { opening = true, http2 = {} }: { opening?: boolean; http2?: ServerOptions["http2"] } = {},
): Promise<Shown> {
  const listen = newAddress();
  const { promise, resolve } = Promise.withResolvers<HeddleError>();
  await using _ = await createServer({
    services: [implement(Echo, {})],
    listen,
    onPeerError: resolve,
    http2: http2 ?? {},
  });
  const socket = connectInMemory(listen.slice("memory:".length));
  assert.ok(socket);
  socket.resume();
  socket.on("error", () => {});
  if (opening) socket.write(Buffer.concat([CLIENT_PREFACE, frame(4, 0, 0)]));
  socket.write(frames);
  const error = await promise;
  socket.destroy();
  return error;
}

/** A handler that computes. */
function spin(forMs: number): Record<string, never> {
  const untilMs = performance.now() + forMs;
  while (performance.now() < untilMs);
  return {};
}

const authority = createAuthority();
const leaf = authority.issue();

/** Dials with TLS: as long as the server answers like this, no instance can be reached. */
async function dialTls(tls: ClientTlsOptions | true, serverTls?: ServerTlsOptions): Promise<Shown> {
  const listen = newAddress();
  await using _ = await createServer({
    services: [],
    listen,
    ...(serverTls === undefined ? {} : { tls: serverTls }),
  });
  return await new Promise((resolve) => {
    dial({ address: listen, timeoutMs: 5000, timers: systemTimers, tls: createClientTls(tls) }, resolve);
  });
}

function frame(
  type: number,
  flags: number,
  streamId: number,
  payload: Uint8Array = new Uint8Array(0),
  length = payload.length,
): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(streamId, 5);
  return Buffer.concat([head, payload]);
}

/** Of a service whose answers break rules. */
async function placeOrder(order: MessageInitShape<(typeof Orders)["method"]["place"]["input"]>) {
  const listen = newAddress();
  await using _ = await createServer({
    services: [implement(Orders, { place: () => ({}) })],
    listen,
    validate: { answers: true },
    onHandlerError: () => {},
  });
  await using transport = createTransport({ target: listen });
  return await failure(createClient(Orders, transport).place(order));
}

const provocations: Readonly<Record<ErrorName, () => Promise<Shown>>> = {
  targetInvalid: () => thrownBy(() => createTransport({ target: "orders" })),
  optionInvalid: () => thrownBy(() => createTransport({ target: "memory:x", maxAttempts: 0 })),
  metadataInvalid: async () => {
    await using transport = createTransport({ target: newAddress() });
    return await failure(createClient(Echo, transport).say({}, { headers: { "x-name": "J\u00fcrgen" } }));
  },
  listenFailed: async () => {
    await using first = await createServer({ services: [], listen: "127.0.0.1:0" });
    return await failure(createServer({ services: [], listen: first.address }));
  },
  storeFailed: async () => {
    const folder = await mkdtemp(join(tmpdir(), "heddle-store-"));
    try {
      await using _first = await startControlPlane({ listen: "127.0.0.1:0", data: folder });
      return await failure(startControlPlane({ listen: "127.0.0.1:0", data: folder }));
    } finally {
      await rm(folder, { recursive: true });
    }
  },
  serviceConfigInvalid: () =>
    failure(
      (async () =>
        createTransport({ target: "127.0.0.1:1", serviceConfig: { methods: [{ timeoutMs: -1 }] } }))(),
    ),
  httpRuleInvalid: () =>
    thrownBy(() =>
      createBinding(Echo.method.say, {
        pattern: { case: "get", value: "/v1/{id}" },
        body: "",
        responseBody: "",
      }),
    ),
  errorsInvalid: () =>
    failure(
      createServer({ services: [implement(shopOf([{}]).Shop, { buy: () => ({}) })], listen: newAddress() }),
    ),
  rulesInvalid: () => failure(createServer({ services: [implement(Nonsense, {})], listen: newAddress() })),
  requestInvalid: async () => {
    await using transport = createTransport({ target: newAddress() });
    return await failure(createClient(Echo, transport).say({ value: "no bytes" as never }));
  },
  closed: async () => {
    const transport = createTransport({ target: newAddress() });
    transport.close();
    return await failure(createClient(Echo, transport).say({}));
  },

  noInstance: async () => {
    const resolver = { scheme: "empty", watch: async function* () {} };
    await using transport = createTransport({
      target: "empty:///orders",
      resolvers: [resolver],
      waitForReadyMs: 20,
    });
    return await failure(createClient(Echo, transport).say({}));
  },
  noneReady: async () => {
    await using transport = createTransport({ target: newAddress(), waitForReadyMs: 20 });
    return await failure(createClient(Echo, transport).say({}));
  },
  connectFailed: () =>
    new Promise((resolve) => dial({ address: newAddress(), timeoutMs: 1000, timers: systemTimers }, resolve)),
  connectionLost: () => callScripted((request) => request.peer.cut()),
  streamRefused: () => callScripted((request) => request.ended && request.reset(7)),

  tlsFailed: async () => {
    // A server that hangs up in the middle.
    const name = newAddress().slice("memory:".length);
    listenInMemory(name, (socket) => socket.end());
    const tls = createClientTls(true);
    const dialled = await new Promise((resolve) =>
      dial({ address: `memory:${name}`, timeoutMs: 5000, timers: systemTimers, tls }, resolve),
    );
    closeInMemory(name);
    return dialled;
  },
  certificateUntrusted: () => dialTls(true, leaf),
  certificateName: () => dialTls({ ca: authority.cert, serverName: "payments.internal" }, leaf),
  plainTextPort: () => dialTls(true),

  deadlineExceeded: async () => {
    using server = startScriptedServer(newAddress().slice("memory:".length), () => {});
    await using transport = createTransport({ target: server.address });
    return await failure(createClient(Echo, transport).say({}, { timeoutMs: 20 }));
  },
  cancelled: async () => {
    await using transport = createTransport({ target: newAddress() });
    const gone = new AbortController();
    const call = failure(createClient(Echo, transport).say({}, { signal: gone.signal }));
    gone.abort(new Error("the user left"));
    return await call;
  },
  peerCancelled: () => callScripted((request) => request.ended && request.reset(8)),
  attemptTimedOut: async () => {
    using server = startScriptedServer(newAddress().slice("memory:".length), () => {});
    const serviceConfig = { methods: [{ retry: { maxAttempts: 2, perAttemptTimeoutMs: 20 } }] };
    await using transport = createTransport({ target: server.address, serviceConfig });
    return await failure(createClient(Echo, transport).get({}));
  },

  instanceSilent: async () => {
    using dead = startScriptedServer(newAddress().slice("memory:".length), () => {});
    using alsoDead = startScriptedServer(newAddress().slice("memory:".length), () => {});
    await using transport = createTransport({
      target: `static:///${dead.address},${alsoDead.address}`,
      silenceMs: 10,
      maxAttempts: 1,
    });
    const failed = failure(createClient(Echo, transport).get({}));
    await until(() => dead.requests.length + alsoDead.requests.length > 0, "the call");
    for (const connection of [...dead.connections, ...alsoDead.connections]) connection.hang();
    return await failed;
  },

  responseInvalid: () =>
    callScripted(
      (request) =>
        request.ended && request.sendFields([":status", "200", "content-type", "application/grpc"], true),
    ),
  messageTooLarge: () =>
    callServer(async () => ({ value: new Uint8Array(100) }), {}, { maxReceiveMessageBytes: 10 }),
  compressionUnsupported: () => requestByHand(requestHead({ "grpc-encoding": "snappy" })),
  messageInvalid: () =>
    callScripted((request) => {
      if (request.ended) request.answer(Uint8Array.of(0x0a, 0x7f));
    }),
  httpStatus: () =>
    callScripted(
      (request) => request.ended && request.sendFields([":status", "503", "content-type", "text/html"], true),
    ),
  streamReset: () => callScripted((request) => request.ended && request.reset(2)),
  methodUnknown: () => requestByHand(requestHead({ ":path": "/heddle.unit.Echo/Nothing" })),
  contentType: () => requestByHand(requestHead({ "content-type": "application/xml" })),
  requestCardinality: () =>
    requestByHand(requestHead(), Buffer.concat([envelope(new Uint8Array(0)), envelope(new Uint8Array(0))])),
  timeoutInvalid: () => requestByHand(requestHead({ "grpc-timeout": "soon" })),
  connectVersion: () =>
    requestByHand(requestHead({ "content-type": "application/proto", "connect-protocol-version": "2" })),
  httpMethod: () => requestByHand(requestHead({ ":method": "GET" })),
  parameterInvalid: () =>
    thrownBy(() => {
      const pattern = { case: "get", value: "/v1/say" } as const;
      const binding = createBinding(Echo.method.say, { pattern, body: "", responseBody: "" });
      readRequest(binding, { captured: [], query: "id=7", body: undefined }, registryOfServices([Echo]));
    }),
  originRefused: () =>
    thrownBy(() => {
      const head = { fields: ["origin", "https://evil.example"], authority: "shop.example" };
      const choice = chooseWebSocket({ head } as never, {} as never, "/v1/chat");
      if (isRefusal(choice)) throw choice.error();
    }),
  preconditionFailed: () =>
    thrownBy(() => {
      const http = { pattern: { case: "put", value: "/v1/notes/{id}" }, body: "*" } as const;
      const method = { in: "Note", out: "Note", http };
      const messages = { Note: { id: "string", version: "etag string" } };
      const { bindings, plans } = plansOf({ messages, services: { Notes: { Put: method } } });
      const [binding] = bindings;
      assert.ok(binding !== undefined);
      const plan = plans.get(binding);
      assert.ok(plan !== undefined);
      const conditions = { ifMatch: 'W/"7"', ifNoneMatch: undefined };
      placeWantedTag(binding, plan, conditions, create(binding.method.input));
    }),

  protocolError: () => breakHttp2(frame(0, 0, 0)),
  flowControl: () => breakHttp2(frame(8, 0, 0, Uint8Array.of(0x7f, 0xff, 0xff, 0xff))),
  headerCompression: () => breakHttp2(frame(1, 0x4, 1, Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff))),
  frameSize: () => breakHttp2(frame(0, 0, 1, new Uint8Array(0), 0xffffff)),
  flood: () =>
    breakHttp2(Buffer.concat(Array.from({ length: 20 }, () => frame(6, 0, 0, new Uint8Array(8)))), {
      http2: { pings: { burst: 10, perSecond: 1 } },
    }),
  prefaceInvalid: () => breakHttp2(Buffer.from("*1\r\n$4\r\nPING\r\n"), { opening: false }),
  http1Invalid: () => breakHttp2(Buffer.from("GET / HTTP/1.1\r\n\r\n"), { opening: false }),
  connectionRefused: async () => {
    const listen = newAddress();
    const { promise, resolve } = Promise.withResolvers<HeddleError>();
    await using _ = await createServer({ services: [], listen, maxConnections: 1, onPeerError: resolve });
    for (let i = 0; i < 2; i++) connectInMemory(listen.slice("memory:".length))?.on("error", () => {});
    return await promise;
  },
  overloaded: async () => {
    const listen = newAddress();
    const say = () => spin(10);
    await using _ = await createServer({
      services: [implement(Echo, { say })],
      listen,
      admission: { targetDelayMs: 1, patienceMs: 1 },
    });
    await using transport = createTransport({ target: listen });
    const headers = { "heddle-criticality": "sheddable" };
    const client = createClient(Echo, transport);
    return await failure(Promise.all(Array.from({ length: 20 }, () => client.say({}, { headers }))));
  },
  limitReached: async () => {
    await using server = await serveHeld();
    await using transport = createTransport({
      target: server.address,
      serviceConfig: { methods: [{ maxConcurrent: 1 }] },
    });
    const client = createClient(Echo, transport);
    const first = client.say({});
    const error = await failure(client.say({}));
    server.release();
    await first;
    return error;
  },
  throttled: async () => {
    await using server = await serveHeld({ bulkheads: [{ maxConcurrent: 0 }] });
    await using transport = createTransport({
      target: server.address,
      serviceConfig: { throttling: { minPerSecond: 0 } },
    });
    const client = createClient(Echo, transport);
    for (;;) {
      const error = await failure(client.say({}));
      if (!(error instanceof ConnectError) || error.code !== Code.Unavailable) return error;
    }
  },
  bulkheadFull: async () => {
    await using server = await serveHeld({ bulkheads: [{ maxConcurrent: 0 }] });
    await using transport = createTransport({ target: server.address });
    return await failure(createClient(Echo, transport).say({}));
  },
  tooLate: async () => {
    const listen = newAddress();
    await using _ = await createServer({
      services: [implement(Echo, { say: () => sleep(300, {}) })],
      listen,
    });
    await using transport = createTransport({ target: listen });
    const client = createClient(Echo, transport);
    await Promise.all(Array.from({ length: 24 }, () => client.say({})));
    return await failure(client.say({}, { timeoutMs: 150 }));
  },
  requestBreaksRules: () => placeOrder({}),
  keyReused: async () => {
    const listen = newAddress();
    const idempotency = { store: createMemoryIdempotencyStore() };
    await using _ = await createServer({
      services: [implement(Echo, { say: () => ({}) })],
      listen,
      idempotency,
    });
    await using transport = createTransport({ target: listen });
    const client = createClient(Echo, transport);
    const headers = { "idempotency-key": "one" };
    await client.say({}, { headers });
    return await failure(client.say({ value: Uint8Array.of(1) }, { headers }));
  },
  keyStoreFailed: async () => {
    const listen = newAddress();
    const claim = () => Promise.reject(new Error("the disk is full"));
    const idempotency = { store: { ...createMemoryIdempotencyStore(), claim } };
    await using _ = await createServer({
      services: [implement(Echo, { say: () => ({}) })],
      listen,
      idempotency,
    });
    await using transport = createTransport({ target: listen });
    return await failure(createClient(Echo, transport).say({}, { headers: { "idempotency-key": "one" } }));
  },

  registryUnreachable: async () => {
    const { promise, resolve } = Promise.withResolvers<string>();
    await using mesh = await createMesh({ registry: "127.0.0.1:1", stateFolder: false, onWarning: resolve });
    const call = failure(mesh.client(Echo, { waitForReadyMs: 1 }).say({}));
    const warning = await promise;
    await call;
    return warning;
  },
  registrationRefused: async () => {
    await using plane = await startControlPlane({ listen: newAddress() });
    await using mesh = await createMesh({
      service: "orders",
      registry: plane.address,
      stateFolder: false,
      shutdownSignals: [],
      metadata: { big: "x".repeat(20_000) },
    });
    const server = await mesh.serve(implement(Echo, {}), { listen: newAddress() });
    return await failure(server.registered);
  },
  registryRefused: async () =>
    registryRefusal("etcd://127.0.0.1:2379", new ConnectError("permission denied", Code.PermissionDenied)),

  handlerFailed: () =>
    callServer(async () => {
      throw new TypeError("password=hunter2");
    }),
  answerBreaksRules: () => {
    const payment = { case: "card", value: "4242" } as const;
    return placeOrder({ id: "order", lines: [{ quantity: 1n } as never], payment });
  },
  errorUndeclared: async () => {
    const listen = newAddress();
    const told = Promise.withResolvers<unknown>();
    const details = [{ desc: BytesValueSchema, value: {} }];
    const buy = () => {
      throw new ConnectError("no", Code.NotFound, undefined, details);
    };
    await using _ = await createServer({
      services: [implement(Shop, { buy })],
      listen,
      onHandlerError: told.resolve,
    });
    await using transport = createTransport({ target: listen });
    await failure(createClient(Shop, transport).buy({}));
    return await told.promise;
  },
  serverStopped: async () => {
    const listen = newAddress();
    const started = Promise.withResolvers<void>();
    const say = () => {
      started.resolve();
      return new Promise<never>(() => {});
    };
    const server = await createServer({ services: [implement(Echo, { say })], listen });
    await using transport = createTransport({ target: listen, maxAttempts: 1 });
    const failed = failure(createClient(Echo, transport).say({}));
    await started.promise;
    await server.close({ drainMs: 0 });
    return await failed;
  },
};

for (const [name, provoke] of Object.entries(provocations)) {
  const { id, code } = CATALOGUE[name as ErrorName];
  test(`${id} ${name}`, { timeout: 20_000 }, async () => {
    const shown = await provoke();
    const text = shown instanceof ConnectError ? shown.rawMessage : String(shown);
    assert.ok(text.includes(`(${id})`), `${text} should tell ${id}`);
    assert.doesNotMatch(text, /\{\w+\}/, "the template is filled");
    assert.ok(!text.includes("hunter2"), "nothing that a handler threw leaves the process");
    if (!(shown instanceof ConnectError)) return;
    if (name === "httpStatus") assert.equal(shown.code, Code.Unavailable, "503");
    else assert.equal(statusName(shown.code), statusName(code));
    if (isHeddleError(shown)) assert.equal(shown.reason, name);
  });
}

test("every code of the catalogue is provoked here", () => {
  assert.deepEqual(Object.keys(provocations).toSorted(), Object.keys(CATALOGUE).toSorted());
});
