/**
 * The innermost layer: writes the request on the instance's connection and hands the outcome up.
 *
 * The header block of a method is the same bytes in nearly every call, so it is encoded once per connection
 * and kept while HPACK's table stands still. Only calls with metadata, a trace or an odd deadline are encoded
 * field by field.
 */
import { formatTimeout } from "../../call/deadline.ts";
import { findField } from "../../call/metadata.ts";
import { formatTraceparent, newSpanId } from "../../call/trace.ts";
import type { ClientSession } from "../../connection/client-session.ts";
import type { Method } from "../../contract/method.ts";
import { ACCEPTED_ENCODINGS } from "../../wire/compression.ts";
import type { HpackEncoder } from "../../wire/hpack/encoder.ts";
import type { ByteWriter } from "../../wire/byte-writer.ts";
import { CANCEL } from "../../wire/http2/constants.ts";
import type { Http2Stream } from "../../wire/http2/stream.ts";
import type { ClientCall, Holder } from "../call.ts";
import type { ClientLayer, ClientParts } from "../layer.ts";

export const send: ClientLayer = {
  name: "send",
  does: "writes the request on the instance's connection and reads the answer",
  order: "innermost: below it is HTTP/2",
  create: (parts, link) => {
    const attemptDone = (call: ClientCall) => link.up(call);
    const holder: Holder = {
      abort(call) {
        const { session, stream, subchannel } = call;
        call.stream = undefined;
        if (stream !== undefined) session?.reset(stream, CANCEL);
        else subchannel?.session?.withdraw(call);
        link.up(call);
      },
    };
    const writeRequest = createRequestWriter(parts);
    return {
      down(call) {
        call.attemptDone = attemptDone;
        call.writeRequest = writeRequest;
        call.holder = holder;
        call.phase = "waiting for a stream";
        const session = call.subchannel?.session;
        if (session === undefined) call.onLost("it is not connected", false);
        else session.request(call);
      },
    };
  },
};

function createRequestWriter(parts: ClientParts) {
  const { clock } = parts;
  return (call: ClientCall, session: ClientSession, stream: Http2Stream): void => {
    const { machine } = session;
    const prompt = call.attempts === 1 && !call.waited;
    call.sentAtMs = prompt ? call.startedAtMs : clock.now();
    const leftMs = prompt ? call.timeoutMs : call.deadlineAtMs - call.sentAtMs;
    const mark = machine.beginHeaders();
    if (call.parent === undefined && call.metadata.length === 0) writeKeptHead(call, session, leftMs, parts);
    else {
      writeFixedFields(machine.encoder, machine.out, call.method, parts);
      writeTimeout(machine.encoder, machine.out, leftMs, "plain");
      writeOwnFields(machine.encoder, machine.out, call, parts);
    }
    machine.endHeaders(mark, stream, false);
    call.sendMessages(session, stream);
  };
}

function writeKeptHead(call: ClientCall, session: ClientSession, leftMs: number, parts: ClientParts): void {
  const { encoder, out } = session.machine;
  const { requestHeads } = session;
  const kept = requestHeads.get(call.method);
  if (kept !== undefined && kept.timeoutMs === leftMs && kept.generation === encoder.generation) {
    out.write(kept.bytes);
    return;
  }
  const { generation } = encoder;
  const start = out.length;
  writeFixedFields(encoder, out, call.method, parts);
  // A timeout that stands for most calls of the method earns a place in the table; one that differs each time does not.
  writeTimeout(encoder, out, leftMs, kept === undefined || kept.timeoutMs === leftMs ? "index" : "plain");
  requestHeads.set(call.method, {
    generation: encoder.generation === generation ? generation : -1,
    timeoutMs: leftMs,
    bytes: out.bytes.slice(start, out.length),
  });
}

function writeFixedFields(encoder: HpackEncoder, out: ByteWriter, method: Method, parts: ClientParts): void {
  encoder.field(out, ":method", "POST", "index");
  encoder.field(out, ":scheme", "http", "index");
  encoder.field(out, ":path", method.path, "index");
  encoder.field(out, ":authority", parts.authority, "index");
  encoder.field(out, "te", "trailers", "index");
  encoder.field(out, "content-type", "application/grpc+proto", "index");
  encoder.field(out, "user-agent", parts.userAgent, "index");
  encoder.field(out, "grpc-accept-encoding", ACCEPTED_ENCODINGS, "index");
  if (parts.sendGzip) encoder.field(out, "grpc-encoding", "gzip", "index");
}

function writeTimeout(encoder: HpackEncoder, out: ByteWriter, leftMs: number, mode: "index" | "plain"): void {
  if (leftMs !== Number.POSITIVE_INFINITY) encoder.field(out, "grpc-timeout", formatTimeout(leftMs), mode);
}

/** What belongs to this call alone: never indexed, or it would push out what every call uses. */
function writeOwnFields(
  encoder: HpackEncoder,
  out: ByteWriter,
  { parent, metadata, traceId }: ClientCall,
  { random }: ClientParts,
): void {
  if (traceId !== undefined)
    encoder.field(out, "traceparent", formatTraceparent(traceId, newSpanId(random)), "plain");
  for (let i = 0; i < metadata.length; i += 2)
    writeMetadata(encoder, out, metadata[i] as string, metadata[i + 1] as string);
  const propagated = parent?.propagated ?? [];
  for (let i = 0; i < propagated.length; i += 2) {
    const name = propagated[i] as string;
    if (findField(metadata, name) === undefined)
      writeMetadata(encoder, out, name, propagated[i + 1] as string);
  }
}

function writeMetadata(encoder: HpackEncoder, out: ByteWriter, name: string, value: string): void {
  encoder.field(out, name, value, SECRETS.has(name) ? "never" : "plain");
}

const SECRETS: ReadonlySet<string> = new Set(["authorization", "cookie", "x-api-key"]);
