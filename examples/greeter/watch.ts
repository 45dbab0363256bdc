import { openRegistry } from "heddle";
import { parseTarget } from "heddle/discovery";

await using registry = await openRegistry(process.env["HEDDLE_REGISTRY"] ?? "127.0.0.1:4747", {
  onEvent: (event) => console.error(event.kind, "error" in event ? event.error : ""),
});
for await (const update of registry.resolver.watch(
  parseTarget("heddle:///greeter"),
  AbortSignal.timeout(60_000),
))
  if (update.kind === "snapshot") console.log(update.endpoints.map(({ id, address }) => `${id} ${address}`));
  else console.log({ upserted: update.upserted.map(({ id }) => id), removed: update.removed });
