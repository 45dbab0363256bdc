/**
 * The head of an HTTP/1.1 request as the layers see it: the same shape as over HTTP/2.
 *
 * `node:http` has refused what its strict parser refuses: two lengths, a length beside chunks, bare CR or LF, folded
 * lines, white space in names. What is left to refuse here is what it lets pass and a proxy might read differently.
 * Source: RFC 9112 §3.2 (targets and Host), §6.3, RFC 9110 §7.6.1 (fields of the connection).
 */
import type { IncomingMessage } from "node:http";
import { CONNECTION_FIELDS, type RequestHead } from "../wire/http2/head.ts";

/** The head, or a sentence that says why the request is refused. */
export function readHttp1Head(
  request: Pick<IncomingMessage, "rawHeaders" | "method" | "url" | "httpVersion">,
  scheme: "http" | "https",
): RequestHead | string {
  const { rawHeaders, method = "", httpVersion } = request;
  // Node takes 2.0 and 0.9 as well, with the head of 1.1 behind them.
  if (httpVersion !== "1.1" && httpVersion !== "1.0") return `it says that it is HTTP ${httpVersion}`;
  const fields: string[] = [];
  let host: string | undefined;
  let contentType = "";
  let contentLength = -1;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] as string).toLowerCase();
    const value = rawHeaders[i + 1] as string;
    if (name === "host") {
      if (host !== undefined) return "it has two Host fields";
      if (!HOST.test(value)) return "its Host field is no host";
      host = value;
    } else if (name === "content-length") {
      if (contentLength >= 0 || !/^[0-9]{1,15}$/.test(value)) return "its Content-Length is no number";
      contentLength = Number(value);
      fields.push(name, value);
    } else if (name === "transfer-encoding" && value.toLowerCase() !== "chunked") {
      return "its Transfer-Encoding is not chunked";
    } else if (!OF_CONNECTION.has(name)) {
      if (name === "content-type") contentType = value;
      fields.push(name, value);
    }
  }
  if (host === undefined && httpVersion !== "1.0") return "it has no Host field";
  const target = readTarget(request.url ?? "", method);
  if (target === undefined) return "its target is neither a path nor a URL";
  const { path, authority = host ?? "" } = target;
  return { method, path, authority, scheme, contentType, contentLength, fields, memo: undefined };
}

/** Path and query, and the authority of a URL, which counts more than Host. */
function readTarget(
  url: string,
  method: string,
): { readonly path: string; readonly authority?: string } | undefined {
  // A fragment is nothing that is sent; those who read it differ in what they make of it.
  if ((url.startsWith("/") && !url.includes("#")) || (url === "*" && method === "OPTIONS"))
    return { path: url };
  const parts = /^https?:\/\/([^/?#@]+)(\/[^#]*|\?[^#]*)?$/i.exec(url);
  if (parts === null || !HOST.test(parts[1] as string)) return undefined;
  const rest = parts[2] ?? "/";
  return { path: rest.startsWith("/") ? rest : `/${rest}`, authority: parts[1] as string };
}

/** A host name, an IPv4 address or an IPv6 address in brackets, with or without a port. Empty is allowed. */
const HOST = /^(?:[\w.\-~%!$&'()*+,;=]*|\[[0-9a-fA-F:.%\w]+\])(?::[0-9]{0,5})?$/;

/** Said from hop to hop, and nothing to a handler. */
const OF_CONNECTION: ReadonlySet<string> = new Set([
  ...CONNECTION_FIELDS,
  "expect",
  "http2-settings",
  "te",
  "trailer",
]);
