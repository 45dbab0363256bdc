/**
 * Metadata: key-value pairs beside the message, as gRPC defines them over HTTP/2 header fields.
 *
 * In the API they are `Headers`, as in Connect. On the wire and inside they are a flat list
 * `[name, value, name, value, …]`, which costs nothing to pass on. Names that end in `-bin` carry bytes as
 * base64 text (`encodeBinaryHeader` of Connect makes it).
 * Source: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md ("Custom-Metadata").
 */
import { HeddleError } from "./errors.ts";

/** Flat list of names and values. */
export type Fields = readonly string[];

/** Names that the protocols themselves write; metadata must not (they would forge it). */
const RESERVED = new Set([
  "accept-encoding",
  "connection",
  "content-encoding",
  "content-length",
  "content-type",
  "expect",
  "host",
  "http2-settings",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "user-agent",
]);

export function isReserved(name: string): boolean {
  return (
    RESERVED.has(name) ||
    name.startsWith("grpc-") ||
    name.startsWith("connect-") ||
    name.charCodeAt(0) === 0x3a /* : */
  );
}

/** What a server may say with an error of when its caller may come again (gRFC A6), and callers may read. */
export const PUSHBACK_FIELD = "grpc-retry-pushback-ms";
/** How often a call was tried before: clients write it, handlers may read it (gRFC A6). */
const PREVIOUS_ATTEMPTS = "grpc-previous-rpc-attempts";

/**
 * The fields of a `Headers` object that may travel. Reserved names are left out, since Connect clients set
 * some of them out of habit. Throws `metadataInvalid` for a value that cannot be sent.
 */
export function toFields(headers: Headers): string[] {
  const fields: string[] = [];
  headers.forEach((value, name) => {
    if (isReserved(name) && name !== PUSHBACK_FIELD) return;
    if (!PRINTABLE.test(value)) {
      throw new HeddleError("metadataInvalid", {
        name,
        reason: "the value has characters outside printable ASCII",
      });
    }
    fields.push(name, value);
  });
  return fields;
}

/** The user's part of received fields as `Headers`: pseudo-headers and the protocol's own are left out. */
export function toHeaders(fields: Fields): Headers {
  const headers = new Headers();
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string;
    if (isReserved(name) && name !== PUSHBACK_FIELD && name !== PREVIOUS_ATTEMPTS) continue;
    headers.append(name, fields[i + 1] as string);
  }
  return headers;
}

/** The first value of a field. */
export function findField(fields: Fields, name: string): string | undefined {
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i] === name) return fields[i + 1];
  }
  return undefined;
}

/** A token, in upper or lower case (RFC 9110 §5.6.2). For names from a place where no parser of HTTP has been. */
export function isFieldName(name: string): boolean {
  return TOKEN.test(name);
}

/** What `Headers` takes: no line breaks, and one octet per character. */
export function isFieldValue(value: string): boolean {
  return VALUE.test(value);
}

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/i;
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters that no field may have.
const VALUE = /^[^\0\r\n\u0100-\uffff]*$/;

/** Metadata that HPACK must not keep (RFC 7541 §7.1.3). */
export function isSecret(name: string): boolean {
  return SECRETS.has(name);
}

const SECRETS: ReadonlySet<string> = new Set(["authorization", "cookie", "x-api-key"]);

/** Space to tilde, tab included; `Headers` has already refused line breaks and trimmed the ends. */
const PRINTABLE = /^[\t\x20-\x7e]*$/;
