/**
 * Program of a server that computes: each call of `idempotentUnary` takes WORK_MS of its one thread. `unary` says how
 * many it has begun.
 */
import { createServer, implement } from "heddle";
import { EchoService } from "../gen/heddle/test/v1/echo_pb.ts";

const workMs = Number(process.env["WORK_MS"]);
let begun = 0;

const server = await createServer({
  services: [
    implement(EchoService, {
      idempotentUnary() {
        begun++;
        const untilMs = performance.now() + workMs;
        while (performance.now() < untilMs);
        return {};
      },
      unary: () => ({ echo: { instance: String(begun) } }),
    }),
  ],
  ...(process.env["ADMISSION"] === "off" ? { admission: false } : {}),
});
process.stdout.write(`${server.address}\n`);
