/** Ticks to and from bytes with protobuf-es, for the peers that bring no codec of their own choice. */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  type WatchResponse,
  WatchResponseSchema,
  TickService,
  type WatchRequest,
  WatchRequestSchema,
} from "../gen/bench/v1/ticks_pb.ts";
import { createTick } from "./ticks.ts";

/** The gRPC path of the one method. */
export const watchPath = `/${TickService.typeName}/${TickService.method.watch.name}`;

export function encodeRequest(request: WatchRequest): Uint8Array {
  return toBinary(WatchRequestSchema, request);
}

export function decodeRequest(bytes: Uint8Array): WatchRequest {
  return fromBinary(WatchRequestSchema, bytes);
}

export function encodeTick(tick: WatchResponse): Uint8Array {
  return toBinary(WatchResponseSchema, tick);
}

export function decodeTick(bytes: Uint8Array): WatchResponse {
  return fromBinary(WatchResponseSchema, bytes);
}

/** A tick as a message: made here for libraries that take no initialiser. */
export function tickMessage(sequence: number): WatchResponse {
  return create(WatchResponseSchema, createTick(sequence));
}
