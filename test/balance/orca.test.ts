/** Load reports between Heddle and grpc-js, in the trailers of answers as ORCA has them. */
import "../kit/trap.ts";
import assert from "node:assert/strict";
import { test } from "node:test";
import { create, type Message } from "@bufbuild/protobuf";
import { Client, credentials, Server, ServerCredentials, type ServerUnaryCall } from "@grpc/grpc-js";
import { createTransport } from "heddle";
import { createClient } from "@connectrpc/connect";
import type { Balancer, Candidate, LoadReport } from "heddle/balance";
import { EchoService, UnaryRequestSchema, UnaryResponseSchema } from "../gen/heddle/test/v1/echo_pb.ts";
import { toDefinition } from "../kit/peers/grpc-js-words.ts";
import { startEcho } from "../kit/running.ts";
import { until } from "../kit/within.ts";

const unary = toDefinition(EchoService.method.unary);

/** A server of grpc-js that says how busy it is. */
async function startReporting(
  cpu: number,
): Promise<AsyncDisposable & { readonly address: string; calls: number }> {
  const server = new Server({ "grpc.server_call_metric_recording": 1 });
  const running = { address: "", calls: 0, [Symbol.asyncDispose]: async () => server.forceShutdown() };
  server.register(
    unary.path,
    (call: ServerUnaryCall<Message, Message>, answer: (error: null, value: Message) => void) => {
      running.calls++;
      const metrics = call.getMetricsRecorder();
      metrics.recordCPUUtilizationMetric(cpu);
      metrics.recordQpsMetric(100);
      metrics.recordEpsMetric(1);
      answer(null, create(UnaryResponseSchema));
    },
    unary.responseSerialize,
    unary.requestDeserialize as (bytes: Buffer) => Message,
    "unary",
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  running.address = `127.0.0.1:${port}`;
  return running;
}

test("what a server of grpc-js reports reaches a balancer", async () => {
  await using server = await startReporting(0.25);
  const reports: LoadReport[] = [];
  const transport = createTransport({
    target: `static:///${server.address}`,
    balancer: <C extends Candidate>(): Balancer<C> => {
      let ready: readonly C[] = [];
      return {
        name: "listening",
        update: (candidates) => void (ready = candidates),
        pick: () => ready[0],
        reported: (_candidate, _nowMs, report) => void reports.push({ ...report }),
      };
    },
  });
  await createClient(EchoService, transport).unary({});
  assert.deepEqual(reports, [
    { requestsInFlight: -1, latencyMs: -1, utilization: 0.25, requestsPerSecond: 100, errorsPerSecond: 1 },
  ]);
  transport.close("now");
});

test("grpc-js reads what our server reports", async (t) => {
  const server = await startEcho(t, { orca: true });
  const client = new Client(server.address, credentials.createInsecure());
  t.after(() => client.close());
  const call = (): Promise<Buffer | undefined> =>
    new Promise((resolve, reject) => {
      const running = client.makeUnaryRequest(
        unary.path,
        unary.requestSerialize as (message: Message) => Buffer,
        unary.responseDeserialize,
        create(UnaryRequestSchema),
        (error) => error !== null && reject(error),
      );
      running.on("status", ({ metadata }) =>
        resolve(metadata.get("endpoint-load-metrics-bin")[0] as Buffer | undefined),
      );
    });
  let report: Buffer | undefined;
  await until(async () => (report = await call()) !== undefined && report.length > 0, "a report");
});

test("a server that is not told to sends no ORCA", async (t) => {
  const server = await startEcho(t);
  const transport = createTransport({ target: server.address });
  let trailers: Headers | undefined;
  await createClient(EchoService, transport).unary({}, { onTrailer: (trailer) => (trailers = trailer) });
  assert.equal(trailers?.get("endpoint-load-metrics-bin"), null);
  transport.close("now");
});
