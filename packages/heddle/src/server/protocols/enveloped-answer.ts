/**
 * How an answer of envelopes is written when its end is an envelope as well: gRPC-Web and the streams of Connect.
 * They differ in the head, in what the last envelope says, and in whether the body is text.
 */
import type { Message } from "@bufbuild/protobuf";
import { compressOutgoing } from "../../connection/outgoing-message.ts";
import { writeEnvelope } from "../../wire/envelope-writer.ts";
import type { ServerCall } from "../call.ts";
import { encodingFailure } from "../unsendable.ts";

export interface EnvelopedForm {
  /** Writes the head of the answer. Throws `metadataInvalid` before it writes anything. */
  sendHead(call: ServerCall): void;
  /** The last envelope. */
  lastEnvelope(call: ServerCall): Uint8Array;
  /** What becomes of an envelope before it is sent. */
  toBody(call: ServerCall, envelope: Uint8Array): Uint8Array;
}

export interface EnvelopedAnswer {
  writeHead(call: ServerCall): void;
  writeMessage(call: ServerCall, message: Message): void;
  writeOutcome(call: ServerCall): void;
}

export function envelopedAnswer({ sendHead, lastEnvelope, toBody }: EnvelopedForm): EnvelopedAnswer {
  function writeHead(call: ServerCall): void {
    if (call.headWritten) return;
    sendHead(call);
    call.headWritten = true;
  }

  function writeMessage(call: ServerCall, message: Message): void {
    const plain = call.routed.method.output.encode(message);
    const { flag, payload } = compressOutgoing(plain, call.responseEncoding, call.parts);
    call.sendBody(toBody(call, writeEnvelope(flag, payload)));
  }

  return {
    writeHead,
    writeMessage,
    writeOutcome(call) {
      if (call.over) return;
      writeHead(call);
      const response = call.takeResponse();
      if (call.error === undefined && response !== undefined) {
        try {
          writeMessage(call, response);
        } catch (cause) {
          call.error = encodingFailure(call, cause);
        }
      }
      call.sendBody(toBody(call, lastEnvelope(call)));
      call.sendEnd();
      call.flush();
    },
  };
}
