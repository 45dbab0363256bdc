/** The calling process: `client.ts <suite> <peer> <setting as JSON> <port>`; makes the load when asked. */
import { answerParent } from "./answering.ts";
import { readArguments } from "./arguments.ts";
import { runCount, runLoad, type Slots } from "./load.ts";
import { loadPeer, loadSuite } from "./suite.ts";

await answerParent(async () => {
  const { suite: suiteName, name, setting, port } = readArguments();
  const suite = await loadSuite(suiteName);
  const client = await (await loadPeer(suiteName, name)).connect(port, setting);
  const slotsAt = (level: number): Slots =>
    Array.from({ length: suite.inflightAt(level) }, (_, slot) => suite.toOperation(client, level, slot));
  return {
    greeting: "connected",
    async answer(question) {
      if (question.ask === "load") return runLoad(slotsAt(question.level), question);
      if (question.ask === "count") return runCount(slotsAt(question.level), question.operations);
      throw new Error(`a client cannot answer "${question.ask}"`);
    },
    close: () => client.close(),
  };
});
