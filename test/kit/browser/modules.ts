/**
 * A web server for pages whose scripts are the modules of this workspace as they stand: types are stripped on the
 * way, an import map leads names to packages, and nothing is bundled.
 */
import { readFile } from "node:fs/promises";
import { createServer, type ServerResponse } from "node:http";
import { stripTypeScriptTypes } from "node:module";
import { fileURLToPath } from "node:url";

const root = new URL("../../../", import.meta.url);

/** What pages may import by name. */
const names = [
  "@bufbuild/protobuf",
  "@bufbuild/protobuf/codegenv2",
  "@bufbuild/protobuf/wire",
  "@bufbuild/protobuf/wkt",
  "@connectrpc/connect",
  "@connectrpc/connect/protocol",
  "@connectrpc/connect/protocol-connect",
  "@connectrpc/connect/protocol-grpc-web",
  "@connectrpc/connect-web",
];

const pathOf = (url: string) => `/${url.slice(root.href.length)}`;

function page(): string {
  const imports = Object.fromEntries(names.map((name) => [name, pathOf(import.meta.resolve(name))]));
  return `<!doctype html><script type="importmap">${JSON.stringify({ imports })}</script>`;
}

/** Serves `/` and the modules on a port of its own, under the names 127.0.0.1 and localhost: two origins. */
export async function serveModules() {
  const server = createServer((request, response) => {
    answer(new URL(request.url ?? "/", "http://page").pathname, response).catch(() => {
      response.writeHead(404).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return {
    origin: `http://127.0.0.1:${port}`,
    otherOrigin: `http://localhost:${port}`,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

async function answer(path: string, response: ServerResponse): Promise<void> {
  if (path === "/") return void response.setHeader("content-type", "text/html").end(page());
  const source = await readFile(fileURLToPath(new URL(`.${path}`, root)), "utf8");
  response.setHeader("content-type", "text/javascript");
  response.end(path.endsWith(".ts") ? stripTypeScriptTypes(source) : source);
}
