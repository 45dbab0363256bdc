/**
 * An instance of limited capacity, in a mesh: so many calls at a time, each of which takes its time; others wait in line.
 * SIGTERM drains it. Settings come from the environment; its first line says that it is registered.
 */
import { createMesh, implement } from "heddle";
import { BlobService } from "../gen/bench/v1/blobs_pb.ts";

const workMs = Number(process.env["MEMBER_WORK_MS"]);
let free = Number(process.env["MEMBER_SLOTS"]);
const waiting: (() => void)[] = [];

const mesh = await createMesh({ service: "member", stateFolder: false, onWarning: () => {} });
const server = await mesh.serve(
  implement(BlobService, {
    async echo() {
      if (free > 0) free--;
      else await new Promise<void>((resolve) => waiting.push(resolve));
      await new Promise((resolve) => setTimeout(resolve, workMs));
      const next = waiting.shift();
      if (next === undefined) free++;
      else next();
      return {};
    },
  }),
);
await server.registered;
process.stdout.write(`${server.address}\n`);
