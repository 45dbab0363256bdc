/**
 * A whole server in memory, with handlers that do what they are asked and no more, for the targets that send bytes
 * to it as a stranger on the network would.
 */
import assert from "node:assert/strict";
import { connectInMemory } from "../../packages/heddle/src/connection/memory.ts";
import { implement } from "../../packages/heddle/src/server/implement.ts";
import { createServer, type Server } from "../../packages/heddle/src/server/server.ts";
import { EchoService } from "../gen/heddle/test/v1/echo_pb.ts";
import type { Dice } from "./dice.ts";
import { cutUp } from "./mutate.ts";

const services = [
  implement(EchoService, {
    unary: ({ payload }) => ({ echo: { payload } }),
    idempotentUnary: ({ payload }) => ({ echo: { payload } }),
    async *serverStream({ payload }) {
      for (let i = 0; i < 3; i++) yield { echo: { payload } };
    },
    async clientStream(requests) {
      let payload: Uint8Array = new Uint8Array(0);
      for await (const request of requests) payload = request.payload;
      return { echo: { payload } };
    },
    async *bidiStream(requests) {
      for await (const { payload } of requests) yield { echo: { payload } };
    },
  }),
];

/** After the last byte has been sent and the connection cut, the server must have let go of it within this, in ms. */
const LET_GO_MS = 2000;

let servers = 0;

export class Served {
  readonly #name = `fuzz-${servers++}`;
  #server: Promise<Server> | undefined;

  /**
   * Sends the bytes in pieces, gives the server some turns to answer, hangs up, and waits until the server has let
   * go. Resolves with what came back.
   */
  async exchange(dice: Dice, bytes: Uint8Array): Promise<Buffer> {
    this.#server ??= createServer({
      services,
      listen: `memory:${this.#name}`,
      cors: { origins: ["https://shop.example"] },
      rest: { conventions: true },
      onHandlerError: () => {},
    });
    const server = await this.#server;
    const socket = connectInMemory(this.#name);
    assert.ok(socket !== undefined);
    const answer: Buffer[] = [];
    socket.on("data", (chunk: Buffer) => answer.push(chunk));
    socket.on("error", () => {});
    for (const piece of cutUp(dice, bytes)) {
      socket.write(piece);
      if (dice.chance(20)) await turn();
    }
    for (let turns = 0; turns < 8; turns++) await turn();
    if (dice.chance(50)) socket.end();
    await turn();
    socket.destroy();
    const until = performance.now() + LET_GO_MS;
    while (server.connections > 0 && performance.now() < until) await turn();
    assert.equal(server.connections, 0, "the server has let go of the connection");
    return Buffer.concat(answer);
  }

  async close(): Promise<void> {
    await (await this.#server)?.close({ drainMs: 0 });
    this.#server = undefined;
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
