/** Over TLS, with the server's certificate alone and with one on each side: the cases that move bytes, in both directions. */
import "../kit/trap.ts";
import { createClient } from "@connectrpc/connect";
import assert from "node:assert/strict";
import { test } from "node:test";
import { EchoService } from "../gen/heddle/test/v1/echo_pb.ts";
import { assertSameBytes, filled } from "../kit/bytes.ts";
import { createAuthority } from "../kit/certificates.ts";
import { connectHttp1Callee } from "../kit/peers/connect-node-http1.ts";
import { connectCallee, connectCaller } from "../kit/peers/connect-node.ts";
import { grpcJsCallee } from "../kit/peers/grpc-js-callee.ts";
import { grpcJsCaller } from "../kit/peers/grpc-js-caller.ts";
import { heddleCallee, heddleCaller, heddleCallerWith } from "../kit/peers/heddle.ts";
import type { LinkSettings, LinkTls } from "../kit/peers/peer.ts";
import { startServerProcess } from "../kit/processes.ts";
import { cancellation } from "./cases/cancellation.ts";
import { kinds } from "./cases/kinds.ts";
import { metadata } from "./cases/metadata.ts";
import { largeMessages } from "./cases/sizes.ts";
import { type Case, isRunNow, type Pair, runSuite } from "./link.ts";

const authority = createAuthority();
const server = { ca: authority.cert, server: authority.issue() };
const mutual = { ...server, client: authority.issue({ names: ["caller"] }) };

let names = 0;
const onTcp = heddleCallee(() => "127.0.0.1:0");
const newCompressions = "it knows gzip and deflate only";

const pairs: readonly Pair[] = [
  { name: "heddle → heddle", caller: heddleCaller, callee: onTcp, often: true },
  {
    name: "heddle → memory → heddle",
    caller: heddleCaller,
    callee: heddleCallee(() => `memory:tls-${++names}`),
    often: true,
  },
  {
    name: "heddle, Connect over HTTP/1.1 → heddle",
    caller: heddleCallerWith({ http: "1.1" }),
    callee: onTcp,
    often: true,
    lacks: { bidi: "HTTP/1.1 has no such thing" },
  },
  {
    name: "grpc-js → heddle",
    caller: grpcJsCaller,
    callee: onTcp,
    often: true,
    lacks: { newCompressions },
  },
  {
    name: "heddle → grpc-js",
    caller: heddleCaller,
    callee: grpcJsCallee,
    often: true,
    lacks: { newCompressions, compressedAnswers: "its server does not compress" },
  },
  { name: "heddle → connect-node", caller: heddleCaller, callee: connectCallee },
  {
    name: "heddle → connect-node, which offers HTTP/1.1 only",
    caller: heddleCaller,
    callee: connectHttp1Callee,
    lacks: { bidi: "HTTP/1.1 has no such thing" },
  },
];

/**
 * A process of its own: when an answer comes in the turn of the event loop in which its request went out, which over
 * TLS takes a server in the same process, Node's HTTP/2 client says "premature close".
 */
for (const protocol of ["gRPC", "gRPC-Web", "Connect"] as const) {
  for (const [how, tls] of Object.entries({ TLS: server, "mutual TLS": mutual })) {
    if (!isRunNow(protocol === "gRPC" && tls === mutual)) continue;
    test(`connect-node, ${protocol} → over ${how} → heddle`, async (t) => {
      const serverTls = { ...tls.server, ...("client" in tls ? { ca: tls.ca } : {}) };
      const { address } = await startServerProcess(t, "apart", { tls: serverTls });
      using caller = connectCaller(protocol, "binary")(address, { tls });
      const client = createClient(EchoService, caller.transport);
      const payload = filled(100_000);
      const answers = await Promise.all(Array.from({ length: 50 }, () => client.unary({ payload })));
      for (const { echo } of answers) assertSameBytes(echo?.payload, payload);
      let count = 0;
      for await (const { echo } of client.serverStream({ payload, plan: { count: 20 } })) {
        assertSameBytes(echo?.payload, payload);
        count++;
      }
      assert.equal(count, 20);
    });
  }
}

for (const pair of pairs) {
  for (const [how, tls] of Object.entries({ TLS: server, "mutual TLS": mutual })) {
    runSuite(
      {
        ...pair,
        name: pair.name.replace("→", `→ over ${how} →`),
        // A handshake in which both show their certificates has the other one in it.
        often: pair.often === true && tls === mutual,
      },
      overTls([...kinds, ...largeMessages, ...metadata, ...cancellation], tls),
    );
  }
}

/** Cases that share settings go on doing so. */
function overTls(cases: readonly Case[], tls: LinkTls): Case[] {
  const withTls = new Map<LinkSettings | undefined, LinkSettings>();
  return cases.map((one) => {
    const settings = withTls.get(one.settings) ?? { ...one.settings, tls };
    withTls.set(one.settings, settings);
    return { ...one, settings };
  });
}
