/**
 * The requests of HTTP/1.1 that need no `node:http`: whole in one piece, with a length or without a body, and with nothing
 * in their heads that two parsers might read in two ways. That is how services and browsers send almost all of theirs.
 *
 * This is no second parser of HTTP: it knows the plainest form of a head and nothing else. What is refused, what is
 * unusual and what has not come yet is left to `node:http`, from the first byte of that request on.
 */
import { readHttp1Head } from "./http1-head.ts";
import type { RequestHead } from "../wire/http2/head.ts";

export interface PlainLimits {
  readonly maxHeaderBytes: number;
  readonly maxHeaderFields: number;
}

export interface PlainRequest {
  readonly head: RequestHead;
  /** Where its body begins, which goes to the end of the bytes. */
  readonly bodyFrom: number;
}

/** Reads the requests of one connection. A client sends much the same head every time: that is checked once. */
export class PlainRequestReader {
  readonly #limits: PlainLimits;
  readonly #scheme: "http" | "https";
  /** The last head as it came, and what it says; its memo serves the next one that is the same. */
  #text = "";
  #head: RequestHead | undefined = undefined;
  /** Its part behind the first line. */
  #fieldText = "";

  constructor(limits: PlainLimits, scheme: "http" | "https") {
    this.#limits = limits;
    this.#scheme = scheme;
  }

  /** The one request that the bytes are, no more and no less; undefined when they are something else. */
  read(bytes: Buffer): PlainRequest | undefined {
    const headEnd = bytes.indexOf(EMPTY_LINE);
    if (headEnd === -1 || headEnd + EMPTY_LINE.length > this.#limits.maxHeaderBytes) return undefined;
    const text = bytes.toString("latin1", 0, headEnd + 2);
    const head = text === this.#text ? this.#head : this.#readHead(text);
    const bodyFrom = headEnd + EMPTY_LINE.length;
    if (head === undefined || bytes.length - bodyFrom !== Math.max(head.contentLength, 0)) return undefined;
    return { head, bodyFrom };
  }

  #readHead(text: string): RequestHead | undefined {
    const lineEnd = text.indexOf("\r\n");
    const line = REQUEST_LINE.exec(text.slice(0, lineEnd));
    if (line === null) return undefined;
    const method = line[1] as string;
    const path = line[2] as string;
    const fieldText = text.slice(lineEnd + 2);
    const last = this.#head;
    const head =
      last !== undefined && fieldText === this.#fieldText
        ? { ...last, method, path, memo: undefined }
        : this.#readFields(fieldText, method, path);
    if (head === undefined) return undefined;
    this.#text = text;
    this.#fieldText = fieldText;
    this.#head = head;
    return head;
  }

  #readFields(text: string, method: string, url: string): RequestHead | undefined {
    const rawHeaders: string[] = [];
    for (let at = 0; at < text.length; ) {
      const end = text.indexOf("\r\n", at);
      const colon = text.indexOf(":", at);
      if (colon === -1 || colon > end) return undefined;
      const name = text.slice(at, colon);
      const value = text.slice(text.charCodeAt(colon + 1) === SPACE ? colon + 2 : colon + 1, end);
      if (!TOKEN.test(name) || !VALUE.test(value) || isUnusual(name.toLowerCase(), value)) return undefined;
      rawHeaders.push(name, value);
      at = end + 2;
    }
    if (rawHeaders.length > this.#limits.maxHeaderFields * 2) return undefined;
    const head = readHttp1Head({ rawHeaders, method, url, httpVersion: "1.1" }, this.#scheme);
    return typeof head === "string" ? undefined : head;
  }
}

/** It says something of the connection, or of how the body comes. */
function isUnusual(name: string, value: string): boolean {
  if (name === "connection") return value.toLowerCase() !== "keep-alive";
  return OF_MESSAGE.has(name);
}

const OF_MESSAGE: ReadonlySet<string> = new Set([
  "expect",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

const EMPTY_LINE = "\r\n\r\n";
/** A path, without a fragment. */
const REQUEST_LINE = /^(GET|POST|PUT|PATCH|DELETE) (\/[!"$-~]*) HTTP\/1\.1$/;
/** RFC 9110 §5.6.2. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** RFC 9110 §5.5, without white space at its ends. */
const VALUE = /^(?:[!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)?$/;
const SPACE = 0x20;
