/** Takes what is pushed to it and forgets it: what pushing costs is measured, not what a collector does. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

export async function startSpanSink(): Promise<{ readonly url: string; close(): void }> {
  const server = createServer((request, response) => {
    request.resume().on("end", () => response.writeHead(200).end());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/v1/traces`,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
