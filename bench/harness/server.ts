/** The serving process: `server.ts <suite> <peer> <setting as JSON>`; greets with its port. */
import { answerParent } from "./answering.ts";
import { readArguments } from "./arguments.ts";
import { loadPeer } from "./suite.ts";

await answerParent(async () => {
  const { suite, name, setting } = readArguments();
  const server = await (await loadPeer(suite, name)).startServer(setting);
  return { greeting: server.port, close: () => server.close() };
});
