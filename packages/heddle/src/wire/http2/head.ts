/**
 * The head of a request or response, parsed and checked from a header block (RFC 9113 §8.2, §8.3).
 *
 * The result is kept on the block: the same block (and HPACK gives the same object for the same bytes) is
 * checked once, however many calls use it.
 */
import type { HeaderBlock } from "../hpack/header-block.ts";

export interface RequestHead {
  readonly method: string;
  readonly path: string;
  readonly authority: string;
  /** `http` or `https`, as the client says. */
  readonly scheme: string;
  readonly contentType: string;
  /** What `content-length` announces, in bytes; -1 without it. */
  readonly contentLength: number;
  /** All fields of the block, pseudo-headers included. */
  readonly fields: readonly string[];
  /** What the protocol above has parsed from it. */
  memo: unknown;
}

export interface ResponseHead {
  readonly status: number;
  readonly contentType: string;
  /** What `content-length` announces, in bytes; -1 without it. */
  readonly contentLength: number;
  readonly fields: readonly string[];
  memo: unknown;
}

/** Undefined when the block is malformed: the stream is to be reset. */
export function parseRequestHead(block: HeaderBlock): RequestHead | undefined {
  if (block.parsed === undefined) block.parsed = readRequestHead(block.fields) ?? MALFORMED;
  return block.parsed === MALFORMED ? undefined : (block.parsed as RequestHead);
}

/** Undefined when the block is malformed. */
export function parseResponseHead(block: HeaderBlock): ResponseHead | undefined {
  if (block.parsed === undefined) block.parsed = readResponseHead(block.fields) ?? MALFORMED;
  return block.parsed === MALFORMED ? undefined : (block.parsed as ResponseHead);
}

/** True when a block of trailers is well-formed: no pseudo-headers, no upper case. */
export function areTrailersValid(fields: readonly string[]): boolean {
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string;
    if (name.charCodeAt(0) === COLON || !isFieldAllowed(name, fields[i + 1] as string)) return false;
  }
  return true;
}

const MALFORMED = Symbol("malformed header block");
const COLON = 0x3a;

function readRequestHead(fields: readonly string[]): RequestHead | undefined {
  const pseudo = new Map<string, string>();
  const regularFrom = readPseudo(fields, REQUEST_PSEUDO, pseudo);
  if (regularFrom < 0) return undefined;
  const contentType = readRegular(fields, regularFrom);
  const contentLength = readContentLength(fields, regularFrom);
  const method = pseudo.get(":method");
  const path = pseudo.get(":path");
  if (contentType === undefined || contentLength === undefined || !method) return undefined;
  if (method !== "CONNECT" && (!path || !pseudo.get(":scheme"))) return undefined;
  return {
    method,
    path: path ?? "",
    authority: pseudo.get(":authority") ?? "",
    scheme: pseudo.get(":scheme") ?? "http",
    contentType,
    contentLength,
    fields,
    memo: undefined,
  };
}

function readResponseHead(fields: readonly string[]): ResponseHead | undefined {
  const pseudo = new Map<string, string>();
  const regularFrom = readPseudo(fields, RESPONSE_PSEUDO, pseudo);
  if (regularFrom < 0) return undefined;
  const contentType = readRegular(fields, regularFrom);
  const contentLength = readContentLength(fields, regularFrom);
  const status = pseudo.get(":status");
  if (contentType === undefined || contentLength === undefined) return undefined;
  if (status === undefined || !/^[1-9][0-9]{2}$/.test(status)) return undefined;
  return { status: Number(status), contentType, contentLength, fields, memo: undefined };
}

/** Reads the leading pseudo-headers; the position of the first regular field, or -1. */
function readPseudo(
  fields: readonly string[],
  allowed: ReadonlySet<string>,
  into: Map<string, string>,
): number {
  let at = 0;
  for (; at < fields.length; at += 2) {
    const name = fields[at] as string;
    if (name.charCodeAt(0) !== COLON) break;
    const value = fields[at + 1] as string;
    if (!allowed.has(name) || into.has(name) || FORBIDDEN_IN_VALUE.test(value)) return -1;
    into.set(name, value);
  }
  return at;
}

/** Checks the regular fields and returns `content-type` (empty when absent); undefined when malformed. */
function readRegular(fields: readonly string[], from: number): string | undefined {
  let contentType = "";
  for (let at = from; at < fields.length; at += 2) {
    const name = fields[at] as string;
    const value = fields[at + 1] as string;
    if (name.charCodeAt(0) === COLON || !isFieldAllowed(name, value)) return undefined;
    if (name === "content-type") contentType = value;
  }
  return contentType;
}

/** Undefined for one that is no number, or for two that differ. */
function readContentLength(fields: readonly string[], from: number): number | undefined {
  let length = -1;
  for (let at = from; at < fields.length; at += 2) {
    if (fields[at] !== "content-length") continue;
    const value = fields[at + 1] as string;
    if (!/^[0-9]{1,15}$/.test(value) || (length >= 0 && length !== Number(value))) return undefined;
    length = Number(value);
  }
  return length;
}

/** Lower-case token as name, no line breaks in the value, none of the connection's own fields (§8.2). */
function isFieldAllowed(name: string, value: string): boolean {
  if (!TOKEN.test(name) || FORBIDDEN_IN_VALUE.test(value)) return false;
  return !CONNECTION_FIELDS.has(name) && (name !== "te" || value === "trailers");
}

const REQUEST_PSEUDO: ReadonlySet<string> = new Set([":method", ":scheme", ":path", ":authority"]);
const RESPONSE_PSEUDO: ReadonlySet<string> = new Set([":status"]);
/** Fields that belong to the connection, which HTTP/2 does not have (§8.2.2). */
export const CONNECTION_FIELDS: ReadonlySet<string> = new Set([
  "connection",
  "proxy-connection",
  "keep-alive",
  "transfer-encoding",
  "upgrade",
]);
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters that RFC 9113 §8.2.1 forbids.
const FORBIDDEN_IN_VALUE = /[\0\r\n]|^[ \t]|[ \t]$/;
