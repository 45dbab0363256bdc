/** The calling process: `client.ts <peer> <setting as JSON> <port>`; makes the load when asked. */
import { answerParent } from "./answering.ts";
import { readArguments } from "./arguments.ts";
import { runCalls, runLoad } from "./load.ts";
import { loadPeer } from "./peer.ts";

await answerParent(async () => {
  const { name, setting, port } = readArguments();
  const client = await (await loadPeer(name)).connect(port, setting);
  return {
    greeting: "connected",
    async answer(question) {
      if (question.ask === "load") return runLoad(client, question);
      if (question.ask === "calls") return runCalls(client, question.inflight, question.calls);
      throw new Error(`a client cannot answer "${question.ask}"`);
    },
    close: () => client.close(),
  };
});
