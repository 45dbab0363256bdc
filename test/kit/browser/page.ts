/**
 * What runs inside a web page: calls through connect-web, one of each kind that a browser can make. Everything that
 * comes of them is given back as JSON.
 */
import { createRegistry } from "@bufbuild/protobuf";
import { createClient, ConnectError, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-web";
import { TestService } from "../../gen/grpc/testing/test_pb.ts";
import { EchoSchema, EchoService } from "../../gen/heddle/test/v1/echo_pb.ts";

export interface PageSettings {
  readonly protocol: "connect" | "grpc-web";
  readonly baseUrl: string;
  readonly json: boolean;
  /** Name of the stream that is left. */
  readonly leaveId?: string;
}

export interface Failed {
  readonly code: number;
  readonly message: string;
  readonly details: readonly string[];
}

const FAILURE = {
  code: 9,
  message: "no ☕",
  details: [{ typeUrl: "type.googleapis.com/heddle.test.v1.Echo", value: Uint8Array.of(0x12, 1, 0x64) }],
};

/** One successful call. */
export async function callOnce(settings: PageSettings): Promise<number> {
  const { echo } = await createClient(EchoService, transportOf(settings)).unary({
    payload: new Uint8Array(3),
  });
  return echo?.payload.length ?? -1;
}

/** How one call fails. */
export async function failOnce(settings: PageSettings): Promise<Failed> {
  return failureOf(() => callOnce(settings));
}

export async function callAll(settings: PageSettings) {
  const transport = transportOf(settings);
  const client = createClient(EchoService, transport);
  let header: string | null = null;
  let trailer: string | null = null;
  const { echo } = await client.unary(
    { payload: new Uint8Array(100_000) },
    {
      headers: { "x-echo-word": "forth", "x-trail-word": "back" },
      onHeader: (headers) => (header = headers.get("x-echo-word")),
      onTrailer: (trailers) => (trailer = trailers.get("x-trail-word")),
    },
  );
  const sizes: (number | undefined)[] = [];
  const plan = { count: 3, answerBytes: 5 };
  for await (const answer of client.serverStream({ plan })) sizes.push(answer.echo?.payload.length);
  const cacheable = await createClient(TestService, transport).cacheableUnaryCall({ responseSize: 7 });
  return {
    unary: { size: echo?.payload.length, header, trailer },
    stream: sizes,
    cacheable: cacheable.payload?.body.length,
    unaryError: await failureOf(() => client.unary({ plan: { failure: FAILURE } })),
    streamError: await failureOf(() =>
      countOf(client.serverStream({ plan: { count: 5, failure: { ...FAILURE, afterAnswers: 2 } } })),
    ),
    deadline: await failureOf(() => client.unary({ plan: { hang: true } }, { timeoutMs: 50 })),
    unserved: await failureOf(() => client.missing({})),
  };
}

/** Reads one answer of a stream, and leaves. */
export async function leaveStream(settings: PageSettings): Promise<number> {
  const client = createClient(EchoService, transportOf(settings));
  const leave = new AbortController();
  let count = 0;
  const plan = { id: settings.leaveId ?? "", count: 1_000_000, answerBytes: 1000 };
  const failure = await failureOf(async () => {
    for await (const _ of client.serverStream({ plan }, { signal: leave.signal })) {
      count++;
      leave.abort();
    }
  });
  return failure.code === 1 ? count : -1;
}

function transportOf({ protocol, baseUrl, json }: PageSettings): Transport {
  const create = protocol === "connect" ? createConnectTransport : createGrpcWebTransport;
  // In JSON the details of a plan are written by their type.
  const jsonOptions = { registry: createRegistry(EchoSchema) };
  return create({ baseUrl, useBinaryFormat: !json, jsonOptions, useHttpGet: true } as Parameters<
    typeof create
  >[0]);
}

async function countOf(messages: AsyncIterable<unknown>): Promise<number> {
  let count = 0;
  for await (const _ of messages) count++;
  return count;
}

async function failureOf(call: () => Promise<unknown>): Promise<Failed> {
  try {
    await call();
  } catch (reason) {
    const error = ConnectError.from(reason);
    const details = error.findDetails(EchoSchema).map(({ instance }) => instance);
    return { code: error.code, message: error.rawMessage, details };
  }
  return { code: 0, message: "", details: [] };
}
