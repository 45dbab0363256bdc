/** undici takes time and memory to load: who speaks HTTP/2 never loads it. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { startScriptedServer } from "../connection/scripted-peer.test.ts";
import { Echo } from "../contract/echo-service.test.ts";
import { createClient } from "@connectrpc/connect";
import { createTransport } from "./transport.ts";

const { cache } = createRequire(import.meta.url);
const isUndiciLoaded = () => Object.keys(cache).some((path) => /[\\/]undici[\\/]/.test(path));

test("undici is loaded by the first connection of HTTP/1.1, and by nothing before", async (t) => {
  using server = startScriptedServer("lazy-http1", (request) => {
    if (request.ended) request.answer();
  });
  const http2 = createTransport({ target: server.address });
  t.after(() => http2.close("now"));
  await createClient(Echo, http2).say({});
  assert.equal(isUndiciLoaded(), false);
  const web = createServer((request, response) => {
    request.resume().on("end", () => response.setHeader("content-type", "application/proto").end());
  });
  web.listen(0, "127.0.0.1");
  await once(web, "listening");
  t.after(() => web.close().closeAllConnections());
  const http1 = createTransport({
    target: `127.0.0.1:${(web.address() as AddressInfo).port}`,
    http: "1.1",
  });
  t.after(() => http1.close("now"));
  assert.equal((await createClient(Echo, http1).say({})).value.length, 0);
  assert.equal(isUndiciLoaded(), true);
});
