import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:https";
import type { ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { createClient } from "@connectrpc/connect";
import { createTransport } from "heddle";
import { EchoService } from "../gen/heddle/test/v1/echo_pb.ts";
import { createAuthority } from "../kit/certificates.ts";

test("where HTTP/1.1 was agreed on, further connections do not offer HTTP/2: another instance might take it", async () => {
  const authority = createAuthority();
  const offered: string[][] = [];
  const waiting: ServerResponse[] = [];
  const server = createServer(
    {
      ...authority.issue(),
      ALPNCallback: ({ protocols }) => {
        offered.push(protocols);
        return offered.length > 1 && protocols.includes("h2") ? "h2" : "http/1.1";
      },
    },
    (request, response) => {
      request.resume();
      request.on("end", () => {
        waiting.push(response);
        if (waiting.length < 2) return;
        for (const answer of waiting) answer.writeHead(200, { "content-type": "application/proto" }).end();
      });
    },
  ).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  await using transport = createTransport({
    target: `localhost:${port}`,
    tls: { ca: authority.cert },
    defaultTimeoutMs: 10_000,
  });
  try {
    const client = createClient(EchoService, transport);
    await Promise.all([client.unary({}), client.unary({})]);
    assert.deepEqual(offered, [["h2", "http/1.1"], ["http/1.1"]]);
  } finally {
    transport.close("now");
    server.close();
    server.closeAllConnections();
  }
});
