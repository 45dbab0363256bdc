/**
 * Names that belong to one connection, or that an HTTP library takes as an order to itself, given as metadata: they are
 * left out, in both directions, and the call goes on. `node:http` throws over an unfounded `trailer`, undici over `expect`.
 */
import "../kit/trap.ts";
import assert from "node:assert/strict";
import { test } from "node:test";
import { Code, ConnectError } from "@connectrpc/connect";
import { connectTo, startEcho } from "../kit/running.ts";

const names = [
  "connection",
  "content-length",
  "expect",
  "http2-settings",
  "keep-alive",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
];
const metadata = Object.fromEntries([...names.map((name) => [name, "5"]), ["x-mine", "kept"]]) as {
  [name: string]: string;
};

for (const [http, protocol] of [
  ["1.1", "connect"],
  ["1.1", "grpc-web"],
  ["2", "connect"],
  ["2", "grpc-web"],
  ["2", "grpc"],
] as const) {
  test(`${protocol} over HTTP/${http}: metadata that would be an order to the connection stays behind`, async (t) => {
    let received: Headers | undefined;
    const { address } = await startEcho(t, {
      handlers: {
        unary(_request, { requestHeader, responseHeader, responseTrailer }) {
          received = requestHeader;
          for (const [name, value] of Object.entries(metadata)) {
            responseHeader.set(name, value);
            responseTrailer.set(name, value);
          }
          return {};
        },
        idempotentUnary() {
          throw new ConnectError("not there", Code.NotFound, metadata);
        },
      },
    });
    const client = connectTo(t, address, { http, protocol });
    const answered: Headers[] = [];
    await client.unary(
      {},
      {
        headers: metadata,
        onHeader: (header) => void answered.push(header),
        onTrailer: (trailer) => void answered.push(trailer),
      },
    );
    const failure = await client.idempotentUnary({}).catch((error: unknown) => error);
    assert.ok(failure instanceof ConnectError);
    assert.equal(failure.rawMessage, "not there");
    for (const fields of [received, ...answered, failure.metadata]) {
      assert.equal(fields?.get("x-mine"), "kept");
      assert.deepEqual(
        names.filter((name) => fields?.get(name) === "5"),
        [],
      );
    }
  });
}
