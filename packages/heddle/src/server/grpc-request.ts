/**
 * What the head of a gRPC request says: how long the caller waits, how its messages are compressed, and whether it
 * is gRPC at all. Worked out once per header block, which is the same object in call after call.
 * Source: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md ("Requests").
 */
import { parseTimeout } from "../call/deadline.ts";
import { HeddleError } from "../call/errors.ts";
import { findField } from "../call/metadata.ts";
import { ACCEPTED_ENCODINGS, isSupportedEncoding } from "../wire/compression.ts";
import type { RequestHead } from "../wire/http2/head.ts";

export interface GrpcRequest {
  readonly timeoutMs: number;
  readonly compressed: boolean;
  readonly acceptsGzip: boolean;
  /** HTTP status of the answer; not 200 when the request is not gRPC at all. */
  readonly httpStatus: number;
  /** Makes the error for a head that cannot be served. */
  readonly fault?: () => HeddleError;
}

export function readGrpcRequest(head: RequestHead): GrpcRequest {
  head.memo ??= parseRequest(head);
  return head.memo as GrpcRequest;
}

function parseRequest({ method, contentType, fields }: RequestHead): GrpcRequest {
  const timeout = findField(fields, "grpc-timeout");
  const timeoutMs = timeout === undefined ? Number.POSITIVE_INFINITY : parseTimeout(timeout);
  const encoding = findField(fields, "grpc-encoding") ?? "identity";
  const request = {
    timeoutMs: timeoutMs ?? 0,
    compressed: encoding === "gzip",
    acceptsGzip: /(?:^|,)\s*gzip\s*(?:,|$)/.test(findField(fields, "grpc-accept-encoding") ?? ""),
    httpStatus: 200,
  };
  if (method !== "POST")
    return {
      ...request,
      httpStatus: 405,
      fault: () => new HeddleError("httpMethod", { httpMethod: method }),
    };
  if (!isGrpcProto(contentType))
    return { ...request, httpStatus: 415, fault: () => new HeddleError("contentType", { contentType }) };
  if (timeoutMs === undefined)
    return { ...request, fault: () => new HeddleError("timeoutInvalid", { value: timeout ?? "" }) };
  if (!isSupportedEncoding(encoding)) {
    return {
      ...request,
      fault: () => new HeddleError("compressionUnsupported", { encoding, supported: ACCEPTED_ENCODINGS }),
    };
  }
  return request;
}

function isGrpcProto(contentType: string): boolean {
  return /^application\/grpc(?:\+proto)?(?:$|;)/.test(contentType);
}
