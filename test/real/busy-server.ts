/**
 * Program of a server with much to do: each call of `idempotentUnary` takes WORK_MS of its one thread, which sleeps
 * meanwhile, so that what else the machine has to do does not count. `unary` says how many it has begun.
 */
import { createServer, implement } from "heddle";
import { EchoService } from "../gen/heddle/test/v1/echo_pb.ts";

const workMs = Number(process.env["WORK_MS"]);
const never = new Int32Array(new SharedArrayBuffer(4));
let begun = 0;

const server = await createServer({
  services: [
    implement(EchoService, {
      idempotentUnary() {
        begun++;
        Atomics.wait(never, 0, 0, workMs);
        return {};
      },
      unary: () => ({ echo: { instance: String(begun) } }),
    }),
  ],
  ...(process.env["ADMISSION"] === "off" ? { admission: false } : {}),
});
process.stdout.write(`${server.address}\n`);
