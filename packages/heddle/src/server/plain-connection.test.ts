/** One connection of HTTP/1.1, by hand: plain requests, and those that take it to `node:http`. */
import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { once } from "node:events";
import { test } from "node:test";
import type { DescService } from "@bufbuild/protobuf";
import { contractOf } from "../contract/rest/contract-of.test.ts";
import type { Implementation, MethodFunction } from "./implement.ts";
import { createServer } from "./server.ts";

const contract = contractOf({
  package: "shop.v1",
  messages: { Order: { order_id: "string", note: "string" } },
  services: {
    OrderService: {
      GetOrder: {
        in: "Order",
        out: "Order",
        http: { pattern: { case: "get", value: "/v1/orders/{order_id}" } },
      },
      CreateOrder: {
        in: "Order",
        out: "Order",
        http: { pattern: { case: "post", value: "/v1/orders" }, body: "*" },
      },
      GetFile: {
        in: "Order",
        out: "google.api.HttpBody",
        http: { pattern: { case: "get", value: "/v1/files/{order_id}" } },
      },
      WatchOrder: {
        in: "Order",
        out: "stream Order",
        http: { pattern: { case: "get", value: "/v1/orders/{order_id}:watch" } },
      },
    },
  },
});

async function serve(handlers: Readonly<Record<string, unknown>>) {
  const service = contract.getService("shop.v1.OrderService") as DescService;
  const implementation: Implementation = {
    service,
    handler: ({ localName }) => handlers[localName] as MethodFunction | undefined,
  };
  return createServer({ listen: "127.0.0.1:0", services: [implementation] });
}

/** All that has come, when it ends with `end`. */
function reading(socket: Socket) {
  let text = "";
  socket.setEncoding("latin1").on("data", (chunk: string) => {
    text += chunk;
  });
  return async (isThere: (text: string) => boolean): Promise<string> => {
    while (!isThere(text)) await once(socket, "data");
    return text;
  };
}

const request = (id: string) => `GET /v1/orders/${id} HTTP/1.1\r\nhost: a\r\n\r\n`;
const echo = (order: { orderId: string; note: string }) => ({ orderId: order.orderId, note: order.note });

test("answers say their length and date, and keep the connection", async () => {
  await using server = await serve({ getOrder: echo });
  const socket = connect(Number(server.address.split(":").at(-1)), "127.0.0.1");
  const until = reading(socket);
  socket.write(request("%C3%A9"));
  const text = await until((all) => all.includes("}"));
  const [head = "", body] = text.split("\r\n\r\n");
  assert.match(head, /^HTTP\/1\.1 200 OK\r\n/);
  assert.match(head, /\r\ndate: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r\n/);
  assert.match(head, /\r\ncontent-length: 16\r\n/);
  assert.match(head, /\r\nconnection: keep-alive\r\nkeep-alive: timeout=60$/);
  assert.equal(body, '{"orderId":"Ã©"}');
  socket.destroy();
});

test("a content type that no head can hold is the handler's failure", async () => {
  await using server = await serve({
    getFile: ({ orderId }: { orderId: string }) => ({ contentType: orderId, data: Uint8Array.of(7) }),
  });
  const socket = connect(Number(server.address.split(":").at(-1)), "127.0.0.1");
  const until = reading(socket);
  for (const [i, type] of ["a%0D%0Ab:%20c", "caf%C3%A9", "%E2%82%AC"].entries()) {
    socket.write(request(type).replace("orders", "files"));
    assert.doesNotMatch(await until((all) => all.split("HTTP/1.1 500").length === i + 2), /caf|b: c/);
  }
  socket.destroy();
});

test("requests behind one that is being served wait their turn, whole or in pieces", async () => {
  const { promise: mayAnswer, resolve: answer } = Promise.withResolvers<void>();
  await using server = await serve({
    async getOrder(order: { orderId: string; note: string }) {
      if (order.orderId === "slow") await mayAnswer;
      return echo(order);
    },
    createOrder: echo,
  });
  const socket = connect(Number(server.address.split(":").at(-1)), "127.0.0.1").setNoDelay();
  const until = reading(socket);
  socket.write(request("slow"));
  // It has begun when the next bytes are read; those are no request yet.
  socket.write("GET /v1/orders/2 HT");
  await new Promise<void>((resolve) => void socket.write("TP/1.1\r\nhost: a\r\n\r\n", () => resolve()));
  socket.write(
    'POST /v1/orders HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 15\r\n\r\n{"orderId"',
  );
  socket.write(':"3"}');
  answer();
  const text = await until((all) => all.includes('"3"'));
  assert.deepEqual(
    [...text.matchAll(/"orderId":"(\w+)"/g)].map(([, id]) => id),
    ["slow", "2", "3"],
  );
  socket.destroy();
});

test("a connection that has become unusual goes on with what is plain again", async () => {
  await using server = await serve({ getOrder: echo });
  const socket = connect(Number(server.address.split(":").at(-1)), "127.0.0.1");
  const until = reading(socket);
  socket.write(request("1"));
  await until((all) => all.includes('"1"'));
  socket.write(request("2").replace("GET", "HEAD"));
  await until((all) => all.split("HTTP/1.1 200").length === 3);
  socket.write(request("3"));
  await until((all) => all.includes('"3"'));
  socket.write("GET /v1/orders/4 HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n");
  assert.match(await until((all) => all.includes("400")), /two Host fields/);
  if (!socket.closed) await once(socket, "close");
});

test("a stream is chunked; who hangs up within it ends its call", async () => {
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  await using server = await serve({
    async *watchOrder(order: { orderId: string }, { signal }: { signal: AbortSignal }) {
      yield { orderId: order.orderId, note: "x".repeat(20_000) };
      yield { orderId: "last" };
      if (order.orderId === "1") return;
      await once(signal, "abort");
      resolve();
    },
  });
  const port = Number(server.address.split(":").at(-1));
  const socket = connect(port, "127.0.0.1");
  const until = reading(socket);
  socket.write("GET /v1/orders/1:watch HTTP/1.1\r\nhost: a\r\n\r\n");
  const text = await until((all) => all.endsWith("\r\n0\r\n\r\n"));
  assert.match(text, /\r\ntransfer-encoding: chunked\r\n/);
  assert.match(text, /"orderId":"last"/);
  socket.write("GET /v1/orders/2:watch HTTP/1.1\r\nhost: a\r\n\r\n");
  await until((all) => all.split('"last"').length === 3);
  socket.destroy();
  await ended;
});

test("a server that closes lets the answer under way say that it is the last", async () => {
  const { promise: mayAnswer, resolve: answer } = Promise.withResolvers<void>();
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
  const server = await serve({
    async getOrder(order: { orderId: string; note: string }) {
      begin();
      await mayAnswer;
      return echo(order);
    },
  });
  const socket = connect(Number(server.address.split(":").at(-1)), "127.0.0.1");
  const until = reading(socket);
  socket.write(request("1"));
  await begun;
  const closed = server.close();
  answer();
  assert.match(await until((all) => all.includes("}")), /\r\nconnection: close\r\n/);
  await closed;
  if (!socket.closed) await once(socket, "close");
});

test("a client that leaves its answers unread is not served any more until it has read them", async () => {
  const note = "x".repeat(1_000_000);
  let served = 0;
  await using server = await serve({
    getOrder: ({ orderId }: { readonly orderId: string }) => {
      served++;
      return { orderId, note };
    },
  });
  const socket = connect(Number(server.address.split(":").at(-1)), "127.0.0.1");
  socket.setNoDelay(true).pause();
  let asked = 0;
  while (asked === served && asked < 40) {
    socket.write(request(String(++asked)));
    for (let turns = 0; turns < 2000 && served < asked; turns++) await new Promise(setImmediate);
  }
  assert.ok(served < 40, `${served} answers of a megabyte wait in memory`);
  const until = reading(socket);
  socket.resume();
  await until((text) => text.includes(`{"orderId":"${asked}"`) && text.endsWith("}"));
  assert.equal(served, asked);
  socket.destroy();
});

test("who asks and hangs up at once gets its answer, short or long", async () => {
  await using server = await serve({
    getOrder: ({ orderId }: { orderId: string }) => ({ orderId, note: "x".repeat(Number(orderId)) }),
  });
  for (const length of [10, 16_000, 20_000, 2_000_000]) {
    const socket = connect(Number(server.address.split(":").at(-1)), "127.0.0.1");
    let text = "";
    socket.setEncoding("latin1").on("data", (chunk: string) => {
      text += chunk;
    });
    socket.end(request(String(length)));
    await once(socket, "close");
    const [head = "", body = ""] = text.split("\r\n\r\n");
    assert.equal(Number(/content-length: (\d+)/.exec(head)?.[1]), body.length);
    assert.equal(JSON.parse(body).note.length, length);
  }
});
