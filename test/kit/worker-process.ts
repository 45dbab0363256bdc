/**
 * Program of an instance of limited capacity, in a mesh: so many calls at a time, each of which takes its time; others wait in
 * line. SIGTERM drains it. Settings come from the environment.
 */
import { createMesh, implement } from "heddle";
import { EchoService } from "../gen/heddle/test/v1/echo_pb.ts";
import { createEchoService } from "./echo-service.ts";

const slots = Number(process.env["WORKER_SLOTS"]);
const workMs = Number(process.env["WORKER_MS"]);
const mesh = await createMesh({ service: "worker", stateFolder: false, onWarning: () => {} });
const echo = createEchoService({ instance: mesh.instance });
const waiting: (() => void)[] = [];
let free = slots;

const worker = implement(EchoService, {
  ...echo,
  async idempotentUnary(request, context) {
    if (free > 0) free--;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    await new Promise((resolve) => setTimeout(resolve, workMs));
    const next = waiting.shift();
    if (next === undefined) free++;
    else next();
    return await echo.idempotentUnary(request, context);
  },
});

const server = await mesh.serve(worker);
await server.registered;
process.stdout.write(`${server.address}\n`);
