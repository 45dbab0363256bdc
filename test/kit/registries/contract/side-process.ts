/**
 * Program of a process beside the test. As an instance (`CONTRACT_INSTANCE`) it registers and says what happens to it, an
 * event a line; as a reader (`CONTRACT_TARGET`) it follows a target and says what it knows, a line for each update. It ends
 * with its parent.
 */
import { openRegistry } from "heddle";
import { createEndpoint, createEndpointSet, parseTarget } from "heddle/discovery";

const { CONTRACT_URL = "", CONTRACT_INSTANCE, CONTRACT_TARGET } = process.env;
const say = (line: string) => process.stdout.write(`${line}\n`);
process.stdin.on("close", () => process.exit()).resume();

const registry = await openRegistry(CONTRACT_URL, {
  stateFolder: false,
  onEvent: ({ kind }) => {
    if (CONTRACT_INSTANCE !== undefined) say(kind);
  },
});
if (CONTRACT_INSTANCE !== undefined) {
  registry.registrar?.register(createEndpoint(JSON.parse(CONTRACT_INSTANCE)));
}
if (CONTRACT_TARGET !== undefined) {
  const set = createEndpointSet();
  for await (const update of registry.resolver.watch(
    parseTarget(CONTRACT_TARGET),
    new AbortController().signal,
  )) {
    if (set.apply(update).resync) say("resync");
    else
      say(
        [...set.endpoints.values()]
          .map(({ address, weight }) => `${address}=${weight}`)
          .toSorted()
          .join(" "),
      );
  }
}
