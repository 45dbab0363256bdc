/**
 * The JSON form of an error in the Connect protocol: `{"code": "not_found", "message": "…", "details": […]}`, as
 * the body of a unary answer and within the end of a stream.
 *
 * A detail is the name of its message, its bytes as base64 without padding, and, for human eyes only, its JSON form
 * under `debug`. Whoever reads an error takes the bytes and never depends on `debug`.
 * Source: https://connectrpc.com/docs/protocol#error-end-stream
 */
import { create, type Registry, toBinary, toJson } from "@bufbuild/protobuf";
import { base64Decode, base64Encode } from "@bufbuild/protobuf/wire";
import { type Code, ConnectError } from "@connectrpc/connect";
import { connectCodeName, connectCodeNamed } from "./connect-code.ts";
import { isJsonObject } from "./json-object.ts";

export interface ConnectErrorJson {
  readonly code: string;
  readonly message?: string;
  readonly details?: readonly ConnectErrorDetailJson[];
}

export interface ConnectErrorDetailJson {
  /** Full name of the message. */
  readonly type: string;
  /** The message, as base64 without padding. */
  readonly value: string;
  readonly debug?: unknown;
}

type Detail = ConnectError["details"][number];

/**
 * The JSON form of an error. `registry` knows the messages that `debug` may have to name; without it a detail with an
 * `Any` inside has none. Throws what protobuf-es throws for a detail that cannot be encoded.
 */
export function writeConnectError(error: ConnectError, registry?: Registry): ConnectErrorJson {
  return {
    code: connectCodeName(error.code),
    ...(error.rawMessage === "" ? {} : { message: error.rawMessage }),
    ...(error.details.length === 0
      ? {}
      : { details: error.details.map((detail) => writeDetail(detail, registry)) }),
  };
}

/**
 * The error that parsed JSON stands for, or undefined when it is none: the HTTP status says then what went wrong.
 * `fallback` is the code of an error that names none, or none we know.
 */
export function readConnectError(json: unknown, fallback: Code): ConnectError | undefined {
  if (!isJsonObject(json)) return undefined;
  const { code, message, details = [] } = json;
  if (message !== undefined && message !== null && typeof message !== "string") return undefined;
  const error = new ConnectError(message ?? "", connectCodeNamed(code) ?? fallback);
  error.isWireError = true;
  if (details === null) return error;
  if (!Array.isArray(details)) return undefined;
  for (const item of details) {
    const detail = readDetail(item);
    if (detail === undefined) return undefined;
    error.details.push(detail);
  }
  return error;
}

/** As `readConnectError`, from the bytes of a body. */
export function parseConnectError(body: Uint8Array, fallback: Code): ConnectError | undefined {
  try {
    return readConnectError(JSON.parse(new TextDecoder().decode(body)), fallback);
  } catch {
    return undefined;
  }
}

function writeDetail(detail: Detail, registry: Registry | undefined): ConnectErrorDetailJson {
  if (!("desc" in detail)) {
    const { type, value, debug } = detail;
    return { type, value: base64Encode(value, "std_raw"), ...(debug === undefined ? {} : { debug }) };
  }
  const message = create(detail.desc, detail.value);
  const written = {
    type: detail.desc.typeName,
    value: base64Encode(toBinary(detail.desc, message), "std_raw"),
  };
  try {
    return { ...written, debug: toJson(detail.desc, message, registry === undefined ? {} : { registry }) };
  } catch {
    // It is there to be looked at: without it nothing is lost.
    return written;
  }
}

function readDetail(item: unknown): Detail | undefined {
  if (!isJsonObject(item) || typeof item["type"] !== "string" || typeof item["value"] !== "string")
    return undefined;
  const { type, value, debug } = item;
  try {
    const bytes = base64Decode(value);
    return debug === undefined ? { type, value: bytes } : { type, value: bytes, debug: debug as never };
  } catch {
    return undefined;
  }
}
