/**
 * Streams of the Connect protocol: envelopes as in gRPC, and at the end one of JSON with the error and the trailers.
 * The HTTP status is 200 whatever happens, since it is sent before anybody knows, except that a path nobody answers
 * is 404.
 * Source: https://connectrpc.com/docs/protocol#streaming-rpcs
 */
import { encodeEndStream, FLAG_END_STREAM } from "../../call/connect-end-stream.ts";
import { ACCEPT_ENCODING, compressIfWorth } from "../../wire/compression.ts";
import { FLAG_COMPRESSED } from "../../wire/envelope-reader.ts";
import { writeEnvelope } from "../../wire/envelope-writer.ts";
import type { ServerCall } from "../call.ts";
import { ownHeader, ownTrailer } from "../own-metadata.ts";
import type { ServerProtocol } from "../protocol.ts";
import { SingleRequestReader } from "../request-reader.ts";
import { formOf, isPathUnknown, readConnectHead } from "./connect-request.ts";
import { envelopedAnswer } from "./enveloped-answer.ts";

export const connectStream: ServerProtocol = {
  name: "connect",
  readRequest(head, parts) {
    const names = { encoding: "connect-content-encoding", accept: "connect-accept-encoding" };
    return readConnectHead(head, names, parts);
  },
  readSingle: (call, method, onRequest) => new SingleRequestReader(call, method, onRequest),
  ...envelopedAnswer({
    sendHead(call) {
      const own = ownHeader(call);
      const type = `application/connect+${formOf(call.head.contentType)}`;
      const fields = ["content-type", type, "connect-accept-encoding", ACCEPT_ENCODING];
      if (call.responseEncoding !== undefined)
        fields.push("connect-content-encoding", call.responseEncoding.name);
      call.sendHead(isPathUnknown(call) ? 404 : 200, [...fields, ...own]);
    },
    lastEnvelope: writeEnd,
    toBody: (_call, envelope) => envelope,
  }),
};

/** The end of a stream is compressed as its messages are. */
function writeEnd(call: ServerCall): Uint8Array {
  const { error, responseEncoding, parts } = call;
  const plain = encodeEndStream({ error, trailers: ownTrailer(call) }, parts.router.registry);
  const compressed = compressIfWorth(plain, responseEncoding, parts.compressMinBytes);
  return compressed === undefined
    ? writeEnvelope(FLAG_END_STREAM, plain)
    : writeEnvelope(FLAG_END_STREAM | FLAG_COMPRESSED, compressed);
}
