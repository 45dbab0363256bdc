/** `heddle stack`: the layers of both sides, from the arrays that really run. */
import { describeStack } from "../call/layer.ts";
import { clientStack } from "../client/stack.ts";
import { serverStack } from "../server/stack.ts";

export async function stack(): Promise<number> {
  process.stdout.write(describeStacks());
  return 0;
}

/** The text that the golden file holds. */
export function describeStacks(): string {
  return `client: what a request meets on its way out\n${describeStack(clientStack)}\nserver: what it meets on its way in\n${describeStack(serverStack)}`;
}
