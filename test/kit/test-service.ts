/**
 * grpc.testing.TestService as the interop cases of gRPC describe it: answers are zeros of the sizes that were
 * asked for, two names of metadata come back, and a request may name the status to end with.
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError, type HandlerContext, type ServiceImpl } from "@connectrpc/connect";
import type { EchoStatus, PayloadSchema, TestService } from "../gen/grpc/testing/test_pb.ts";

export type TestServiceImplementation = Omit<ServiceImpl<typeof TestService>, "unimplementedCall">;

/** `onAbort` hears of the streams whose caller went away while they were read. */
export function createTestService(onAbort: (method: string) => void = () => {}): TestServiceImplementation {
  const watch = ({ signal, method }: HandlerContext) =>
    signal.addEventListener("abort", () => onAbort(method.name));
  return {
    emptyCall: () => ({}),
    unaryCall(request, context) {
      echoMetadata(context);
      throwStatus(request.responseStatus);
      return { payload: zeros(request.responseSize) };
    },
    cacheableUnaryCall: ({ responseSize }) => ({ payload: zeros(responseSize) }),
    async *streamingOutputCall(request, context) {
      for (const { size, intervalUs } of request.responseParameters) {
        await pause(intervalUs / 1000, context.signal);
        yield { payload: zeros(size) };
      }
    },
    async streamingInputCall(requests, context) {
      watch(context);
      let aggregatedPayloadSize = 0;
      for await (const request of requests) {
        aggregatedPayloadSize += request.payload?.body.length ?? 0;
      }
      return { aggregatedPayloadSize };
    },
    async *fullDuplexCall(requests, context) {
      watch(context);
      echoMetadata(context);
      for await (const request of requests) {
        throwStatus(request.responseStatus);
        for (const { size } of request.responseParameters) yield { payload: zeros(size) };
      }
    },
  };
}

export function zeros(size: number): MessageInitShape<typeof PayloadSchema> {
  return { body: new Uint8Array(size) };
}

function echoMetadata({ requestHeader, responseHeader, responseTrailer }: HandlerContext): void {
  const initial = requestHeader.get("x-grpc-test-echo-initial");
  const trailing = requestHeader.get("x-grpc-test-echo-trailing-bin");
  if (initial !== null) responseHeader.set("x-grpc-test-echo-initial", initial);
  if (trailing !== null) responseTrailer.set("x-grpc-test-echo-trailing-bin", trailing);
}

function throwStatus(status: EchoStatus | undefined): void {
  if (status !== undefined && status.code !== 0) throw new ConnectError(status.message, status.code as Code);
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (ms <= 0) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  signal.addEventListener("abort", () => resolve(), { once: true });
  await promise;
  clearTimeout(timer);
}
