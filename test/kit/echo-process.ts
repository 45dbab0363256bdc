/** Program of an instance: an echo server in a mesh, in a process of its own. Settings come from the environment. */
import { createMesh, implement } from "heddle";
import { EchoService } from "../gen/heddle/test/v1/echo_pb.ts";
import { createEchoService } from "./echo-service.ts";

const mesh = await createMesh({ service: "echo", stateFolder: false, onWarning: () => {} });
const server = await mesh.serve(implement(EchoService, createEchoService({ instance: mesh.instance })));
await server.registered;
process.stdout.write(`${server.address}\n`);
