import { createMesh, implement } from "heddle";
import { GreeterService } from "./src/gen/greeter/v1/greeter_pb.ts";

const mesh = await createMesh({ service: "greeter" });
const { registered } = await mesh.serve(
  implement(GreeterService, {
    sayHello: ({ name }) => ({ greeting: `Hello, ${name}!`, instance: mesh.instance }),
  }),
);
await registered;
console.log(`${mesh.instance} is ready`);
