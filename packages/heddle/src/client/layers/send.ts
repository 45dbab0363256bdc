/**
 * The innermost layer: writes the request on the instance's connection and hands the outcome up.
 *
 * Here gRPC over HTTP/2 is written, which is the fast path; other protocols have a translator between the call and
 * its connection (`client/protocols/`).
 *
 * The header block of a method is the same bytes in nearly every call, so it is encoded once per connection
 * and kept while HPACK's table stands still. Only calls with metadata, a trace or an odd deadline are encoded
 * field by field.
 */
import { ConnectError } from "@connectrpc/connect";
import { formatTimeout } from "../../call/deadline.ts";
import { isSecret } from "../../call/metadata.ts";
import { UNSAMPLED_FIELD } from "../../call/trace.ts";
import type { ClientSession } from "../../connection/client-session.ts";
import type { Session, SessionStream, StreamWriter } from "../../connection/session.ts";
import { ACCEPT_ENCODING } from "../../wire/compression.ts";
import type { HpackEncoder } from "../../wire/hpack/encoder.ts";
import type { ByteWriter } from "../../wire/byte-writer.ts";
import { CANCEL } from "../../wire/http2/constants.ts";
import type { Http2Stream } from "../../wire/http2/stream.ts";
import type { ClientCall, Holder } from "../call.ts";
import type { ClientLayer, ClientParts } from "../layer.ts";
import { isToldUnsampled, ownFields, schemeOf } from "../own-fields.ts";
import { createTranslator } from "../protocols/create-translator.ts";

export const send: ClientLayer = {
  name: "send",
  does: "writes the request on the instance's connection and reads the answer",
  order: "innermost: below it is the connection",
  create: (parts, link) => {
    const attemptDone = (call: ClientCall) => link.up(call);
    const holder: Holder = {
      abort(call) {
        const { writer, stream } = call;
        call.stream = undefined;
        if (stream !== undefined) writer?.reset(stream, CANCEL);
        else call.askedSession?.withdraw(call.askedBy);
        link.up(call);
      },
    };
    const { clock, protocol } = parts;
    const speaksGrpc = protocol === "auto" || protocol === "grpc";

    /** Notes when it is sent; the time left for it in ms. */
    function begin(call: ClientCall): number {
      const prompt = call.attempts === 1 && !call.waited;
      call.sentAtMs = prompt ? call.startedAtMs : clock.now();
      const leftMs = prompt ? call.timeoutMs : call.deadlineAtMs - call.sentAtMs;
      const { attemptTimer } = call;
      return attemptTimer === undefined ? leftMs : Math.min(leftMs, attemptTimer.wheelAtMs - call.sentAtMs);
    }

    function writeGrpcRequest(call: ClientCall, writer: StreamWriter, stream: SessionStream): void {
      const session = writer as ClientSession;
      const { machine } = session;
      const leftMs = begin(call);
      const mark = machine.beginHeaders();
      if (hasNothingOfItsOwn(call)) writeKeptHead(call, session, leftMs, parts);
      else {
        writeFixedFields(machine.encoder, machine.out, call, parts);
        writeTimeout(machine.encoder, machine.out, leftMs, "plain");
        writeOwnFields(machine.encoder, machine.out, call, parts);
      }
      machine.endHeaders(mark, stream as Http2Stream, false);
      call.sendMessages(writer, stream);
    }

    /** The translator has written the head. */
    function writeTranslatedRequest(call: ClientCall, writer: StreamWriter, stream: SessionStream): void {
      call.sendMessages(writer, stream);
    }

    function translate(call: ClientCall, session: Session): void {
      const translator = createTranslator(call, parts, begin);
      call.writeRequest = writeTranslatedRequest;
      call.askedBy = translator;
      if (!translator.needsMessage) return session.request(translator);
      const isWaiting = () => call.holder === holder && call.askedBy === translator;
      call.prepare().then(
        () => {
          if (isWaiting()) session.request(translator);
        },
        (error: unknown) => {
          if (isWaiting()) call.abort(ConnectError.from(error));
        },
      );
    }

    return {
      down(call) {
        call.attemptDone = attemptDone;
        call.holder = holder;
        call.phase = "waiting for a stream";
        const session = call.subchannel?.session;
        call.askedSession = session;
        if (session === undefined) return call.onLost("it is not connected", false);
        if (speaksGrpc && session.httpVersion === "2") {
          call.writeRequest = writeGrpcRequest;
          call.askedBy = call;
          session.request(call);
        } else translate(call, session);
      },
    };
  },
};

/** Its head is that of the method's other calls. */
function hasNothingOfItsOwn(call: ClientCall): boolean {
  const { traceId, parent, metadata, criticality } = call;
  return (
    traceId === undefined &&
    parent === undefined &&
    metadata.length === 0 &&
    criticality === undefined &&
    call.previousAttempts <= 0
  );
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
  writeFixedFields(encoder, out, call, parts);
  // A timeout that stands for most calls of the method earns a place in the table; one that differs each time does not.
  writeTimeout(encoder, out, leftMs, kept === undefined || kept.timeoutMs === leftMs ? "index" : "plain");
  requestHeads.set(call.method, {
    generation: encoder.generation === generation ? generation : -1,
    timeoutMs: leftMs,
    bytes: out.bytes.slice(start, out.length),
  });
}

function writeFixedFields(
  encoder: HpackEncoder,
  out: ByteWriter,
  call: ClientCall,
  parts: ClientParts,
): void {
  const { method } = call;
  encoder.field(out, ":method", "POST", "index");
  encoder.field(out, ":scheme", schemeOf(call), "index");
  encoder.field(out, ":path", method.path, "index");
  encoder.field(out, ":authority", parts.authority, "index");
  encoder.field(out, "te", "trailers", "index");
  encoder.field(out, "content-type", method.form === "proto" ? GRPC_PROTO : GRPC_JSON, "index");
  encoder.field(out, "user-agent", parts.userAgent, "index");
  encoder.field(out, "grpc-accept-encoding", ACCEPT_ENCODING, "index");
  if (parts.sendEncoding !== undefined) encoder.field(out, "grpc-encoding", parts.sendEncoding.name, "index");
  if (isToldUnsampled(call, parts)) encoder.field(out, UNSAMPLED_FIELD, "1", "index");
}

const GRPC_PROTO = "application/grpc+proto";
const GRPC_JSON = "application/grpc+json";

function writeTimeout(encoder: HpackEncoder, out: ByteWriter, leftMs: number, mode: "index" | "plain"): void {
  if (leftMs !== Number.POSITIVE_INFINITY) encoder.field(out, "grpc-timeout", formatTimeout(leftMs), mode);
}

/** What belongs to this call alone: never indexed, or it would push out what every call uses. */
function writeOwnFields(encoder: HpackEncoder, out: ByteWriter, call: ClientCall, parts: ClientParts): void {
  const fields = ownFields(call, parts);
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string;
    encoder.field(out, name, fields[i + 1] as string, isSecret(name) ? "never" : "plain");
  }
}
