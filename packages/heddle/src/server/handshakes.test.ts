import assert from "node:assert/strict";
import type { Duplex } from "node:stream";
import { test } from "node:test";
import fc from "fast-check";
import { closeInMemory, connectInMemory, listenInMemory } from "../connection/memory.ts";
import { createVirtualTime } from "../runtime/virtual-time.ts";
import { Handshakes, type HandshakesOptions } from "./handshakes.ts";

let names = 0;

/** The listening end of a fresh pipe, and the other one. */
function openPipe(): { readonly accepted: Duplex; readonly client: Duplex } {
  const name = `handshakes-${names++}`;
  let accepted: Duplex | undefined;
  listenInMemory(name, (socket) => (accepted = socket));
  const client = connectInMemory(name);
  closeInMemory(name);
  assert.ok(accepted !== undefined && client !== undefined);
  client.on("error", () => {});
  return { accepted, client };
}

interface Handed {
  readonly socket: Duplex;
  readonly protocol: string;
  /** Those that were on the socket when it was handed on. */
  readonly listeners: unknown;
  received: string;
}

function create(options: Partial<HandshakesOptions> = {}) {
  const time = createVirtualTime();
  const handed: Handed[] = [];
  // As the sessions do: whoever gets the socket listens at once.
  const take = (protocol: string) => (socket: Duplex) => {
    const one: Handed = { socket, protocol, listeners: listeners(socket), received: "" };
    socket.on("data", (chunk: Buffer) => (one.received += chunk.toString()));
    handed.push(one);
  };
  const errors: string[] = [];
  const handshakes = new Handshakes({
    clock: time,
    timers: time,
    tls: undefined,
    maxHandshakes: 10,
    timeoutMs: 5000,
    onHttp2: take("http2"),
    onHttp1: take("http1"),
    onIdle: () => {},
    onRefused: (error) => errors.push(error.heddleCode),
    onPeerError: (error) => errors.push(error.heddleCode),
    ...options,
  });
  return { handshakes, time, handed, errors };
}

async function turns(count = 10): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}

const listeners = (socket: Duplex) => socket.eventNames().map((name) => [name, socket.listenerCount(name)]);

test("the socket is handed on with all its bytes and nothing of ours, however they come", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "PATCH / HTTP/1.1\r\n\r\n",
      ),
      fc.array(fc.nat(30), { maxLength: 5 }),
      async (text, cuts) => {
        const { handshakes, handed } = create();
        const { accepted, client } = openPipe();
        const before = listeners(accepted);
        handshakes.begin(accepted);
        let from = 0;
        for (const to of [...cuts.toSorted((a, b) => a - b), text.length]) {
          client.write(text.slice(from, to));
          from = Math.min(Math.max(from, to), text.length);
          await turns(2);
        }
        await turns();
        const [first] = handed;
        assert.equal(handed.length, 1);
        assert.equal(first?.protocol, text.startsWith("PRI") ? "http2" : "http1");
        assert.equal(first?.socket, accepted);
        assert.deepEqual(first?.listeners, before);
        assert.equal(handshakes.size, 0);
        assert.equal(first?.received, text);
        accepted.destroy();
      },
    ),
    { numRuns: 50 },
  );
});

test("who says nothing is cut off in time", async () => {
  const { handshakes, time, errors } = create({ timeoutMs: 5000 });
  const { accepted } = openPipe();
  handshakes.begin(accepted);
  time.advance(4999);
  assert.ok(!accepted.destroyed);
  time.advance(1);
  assert.ok(accepted.destroyed);
  assert.equal(handshakes.size, 0);
  assert.deepEqual(errors, ["HDL-2407"]);
});

test("when it is full the new one goes, unless the oldest is slow", () => {
  const { handshakes, time, errors } = create({ maxHandshakes: 2 });
  const [first, second, third, fourth] = Array.from({ length: 4 }, () => openPipe().accepted) as [
    Duplex,
    Duplex,
    Duplex,
    Duplex,
  ];
  handshakes.begin(first);
  time.advance(500);
  handshakes.begin(second);
  handshakes.begin(third);
  assert.deepEqual([first.destroyed, second.destroyed, third.destroyed], [false, false, true]);
  time.advance(500);
  handshakes.begin(fourth);
  assert.deepEqual([first.destroyed, second.destroyed, fourth.destroyed], [true, false, false]);
  assert.equal(handshakes.size, 2);
  assert.deepEqual(errors, ["HDL-2409", "HDL-2409"]);
});

test("closing ends all of them, and says when the last has gone", () => {
  let idle = 0;
  const { handshakes } = create({ onIdle: () => idle++ });
  const sockets = Array.from({ length: 3 }, () => openPipe().accepted);
  for (const socket of sockets) handshakes.begin(socket);
  handshakes.close();
  assert.ok(sockets.every(({ destroyed }) => destroyed));
  assert.equal(idle, 1);
});
