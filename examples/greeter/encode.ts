import { codecOf } from "heddle/codec";
import { SayHelloRequestSchema } from "./src/gen/greeter/v1/greeter_pb.ts";

const requests = codecOf(SayHelloRequestSchema);
const bytes = requests.encode({ name: "Ada" });
console.log(`${bytes.length} bytes for ${requests.decode(bytes).name}`);
