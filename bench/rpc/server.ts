/** The serving process: `server.ts <peer> <setting as JSON>`; greets with its port. */
import { answerParent } from "./answering.ts";
import { readArguments } from "./arguments.ts";
import { loadPeer } from "./peer.ts";

await answerParent(async () => {
  const { name, setting } = readArguments();
  const server = await (await loadPeer(name)).startServer(setting);
  return { greeting: server.port, close: () => server.close() };
});
