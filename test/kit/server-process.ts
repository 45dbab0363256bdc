/** Program of a server without a mesh: an echo server in a process of its own. `ECHO_OPTIONS` are its options, as JSON. */
import { createServer, implement, type ServerOptions } from "heddle";
import { EchoService } from "../gen/heddle/test/v1/echo_pb.ts";
import { createEchoService } from "./echo-service.ts";

const options = JSON.parse(process.env["ECHO_OPTIONS"] ?? "{}") as Partial<ServerOptions>;
const instance = process.env["ECHO_INSTANCE"] ?? "";
const server = await createServer({
  ...options,
  services: [implement(EchoService, createEchoService({ instance }))],
});
process.stdout.write(`${server.address}\n`);
