/** The registry process: Heddle's control plane with nothing kept on disk; greets with its address. */
import { startControlPlane } from "heddle/control";
import { answerParent } from "./answering.ts";

await answerParent(async () => {
  const plane = await startControlPlane({ listen: "127.0.0.1:0" });
  return { greeting: plane.address, close: async () => plane[Symbol.asyncDispose]() };
});
