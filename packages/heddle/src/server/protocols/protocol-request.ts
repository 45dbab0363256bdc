/**
 * What the heads of all protocols say, if in other fields: how long the caller waits, how its messages are compressed
 * and how those of the answer may be.
 */
import { HeddleError } from "../../call/errors.ts";
import type { MessageForm } from "../../contract/method.ts";
import { ACCEPT_ENCODING, chooseEncoding, encodingNamed } from "../../wire/compression.ts";
import type { ServerParts } from "../layer.ts";
import type { ProtocolRequest } from "../protocol.ts";

/** The words of a head, as they came. */
export interface RequestWords {
  readonly path: string;
  readonly form: MessageForm;
  readonly timeout: string | undefined;
  /** Reads `timeout` into ms; undefined when it is malformed. */
  readonly parseTimeout: (value: string) => number | undefined;
  /** Name of the request's compression; undefined is `identity`. */
  readonly encoding: string | undefined;
  /** What the caller takes as compression of the answer. */
  readonly accept: string | undefined;
}

export function toProtocolRequest(
  { path, form, timeout, parseTimeout, encoding = "identity", accept }: RequestWords,
  { sendEncodings }: ServerParts,
): ProtocolRequest {
  const timeoutMs = timeout === undefined ? Number.POSITIVE_INFINITY : parseTimeout(timeout);
  const requestEncoding = encodingNamed(encoding);
  const request = {
    path,
    form,
    timeoutMs: timeoutMs ?? 0,
    requestEncoding,
    responseEncoding: chooseEncoding(accept, sendEncodings),
  };
  if (timeoutMs === undefined)
    return { ...request, fault: () => new HeddleError("timeoutInvalid", { value: timeout ?? "" }) };
  if (requestEncoding === undefined && encoding !== "identity" && encoding !== "")
    return {
      ...request,
      fault: () => new HeddleError("compressionUnsupported", { encoding, supported: ACCEPT_ENCODING }),
    };
  return request;
}
