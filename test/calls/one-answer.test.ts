/**
 * One method over four protocols: the same answer, the same error with the same details, the same effect. REST goes by
 * the path that convention gives the method, through a client that knows nothing of the contract.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { create, fromJson, type JsonValue, toJson } from "@bufbuild/protobuf";
import { StringValueSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import fc from "fast-check";
import { createServer, createTransport, implement } from "heddle";
import { EchoService, UnaryRequestSchema, UnaryResponseSchema } from "../gen/heddle/test/v1/echo_pb.ts";

/** What a caller got, in words that all protocols have. */
type Outcome =
  | { readonly payload: string; readonly instance: string }
  | { readonly code: string; readonly message: string; readonly details: readonly string[] };

interface Call {
  readonly payload: Uint8Array;
  readonly text: string;
  /** 0: the call succeeds. */
  readonly code: number;
  readonly details: readonly string[];
}

const calls: fc.Arbitrary<Call> = fc.record({
  payload: fc.uint8Array({ maxLength: 200 }),
  text: fc.string({ unit: "grapheme", maxLength: 40 }),
  code: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 16 })),
  details: fc.array(fc.string({ unit: "grapheme", maxLength: 20 }), { maxLength: 3 }),
});

test("gRPC, gRPC-Web, Connect and REST give the same answer, error and effect", async () => {
  const effects: string[] = [];
  let asked: Call | undefined;
  const unary = ({ payload, plan }: { payload: Uint8Array; plan?: { id: string } | undefined }) => {
    effects.push(`${plan?.id} ${Buffer.from(payload).toString("hex")}`);
    if (asked === undefined || asked.code === 0) return { echo: { payload, instance: plan?.id ?? "" } };
    const details = asked.details.map((value) => ({ desc: StringValueSchema, value: { value } }));
    throw new ConnectError(asked.text, asked.code as Code, undefined, details);
  };
  await using server = await createServer({
    services: [implement(EchoService, { unary })],
    listen: "127.0.0.1:0",
    rest: { conventions: true },
  });
  await using grpc = createTransport({ target: server.address, protocol: "grpc" });
  await using web = createTransport({ target: server.address, protocol: "grpc-web" });
  await using connect = createTransport({ target: server.address, protocol: "connect", codec: "json" });

  const ways = [
    ...[grpc, web, connect].map((transport) => {
      const client = createClient(EchoService, transport);
      return async ({ payload, text }: Call): Promise<Outcome> => {
        try {
          const { echo } = await client.unary({ payload, plan: { id: text } });
          return {
            payload: Buffer.from(echo?.payload ?? []).toString("hex"),
            instance: echo?.instance ?? "",
          };
        } catch (error) {
          assert.ok(error instanceof ConnectError);
          const details = error.findDetails(StringValueSchema).map(({ value }) => value);
          return { code: nameOf(error.code), message: error.rawMessage, details };
        }
      };
    }),
    (call: Call) => callRest(server.address, call),
  ];

  await fc.assert(
    fc.asyncProperty(calls, async (call) => {
      asked = call;
      const outcomes: Outcome[] = [];
      const seen: (readonly string[])[] = [];
      for (const way of ways) {
        effects.length = 0;
        outcomes.push(await way(call));
        seen.push([...effects]);
      }
      const [first, ...others] = outcomes;
      for (const other of others) assert.deepEqual(other, first);
      for (const each of seen) assert.deepEqual(each, seen[0]);
      assert.equal(seen[0]?.length, 1);
    }),
    { numRuns: 60 },
  );
});

async function callRest(address: string, { payload, text }: Call): Promise<Outcome> {
  const request = create(UnaryRequestSchema, { payload, plan: { id: text } });
  const response = await fetch(`http://${address}/v1/echo:unary`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(toJson(UnaryRequestSchema, request)),
  });
  const json = (await response.json()) as JsonValue;
  if (response.ok) {
    const { echo } = fromJson(UnaryResponseSchema, json);
    return { payload: Buffer.from(echo?.payload ?? []).toString("hex"), instance: echo?.instance ?? "" };
  }
  const problem = json as { status: number; code: string; detail?: string; details?: { value: string }[] };
  assert.equal(problem.status, response.status);
  const details = (problem.details ?? []).map(({ value }) => value);
  return { code: problem.code, message: problem.detail ?? "", details };
}

/** As gRPC writes it. */
function nameOf(code: Code): string {
  if (code === Code.Canceled) return "CANCELLED";
  return (Code[code] ?? "").replace(/(?<=[a-z])[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
}
