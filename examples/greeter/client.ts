import { createMesh } from "heddle";
import { GreeterService } from "./src/gen/greeter/v1/greeter_pb.ts";

await using mesh = await createMesh({ service: "greeter-client" });
const greeter = mesh.client(GreeterService);
const { greeting, instance } = await greeter.sayHello({ name: process.argv[2] ?? "world" });
console.log(`${greeting} (answered by ${instance})`);
