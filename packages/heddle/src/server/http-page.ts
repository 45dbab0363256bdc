/**
 * What a plain GET gets, for tools that speak HTTP and none of our protocols: Prometheus, a load balancer's probe. It
 * has a path of its own beside the methods, is not a call to a handler, and passes none of the layers inside `protocol`.
 */
import type { Fields } from "../call/metadata.ts";
import type { RequestReader, ServerCall } from "./call.ts";
import { DroppingReader } from "./http-refusal.ts";
import type { ServerParts } from "./layer.ts";

export interface HttpPage {
  /** Begins with a slash, without a query: `/prometheus/sd`. One that ends with a slash is for all paths under it, too. */
  readonly path: string;
  /** What GET and HEAD get; `fields` are those of the request. When it throws, that is told as a handler's error, and the status is 500. */
  answer(query: URLSearchParams, fields: Fields, request: PageRequest): HttpAnswer | Promise<HttpAnswer>;
}

export interface PageRequest {
  /** Without the query, as it was sent. */
  readonly path: string;
  /** Aborted when nobody reads the answer any more. */
  readonly signal: AbortSignal;
}

export interface HttpAnswer {
  readonly status: number;
  /** Empty for an answer without a body. */
  readonly contentType: string;
  /** What comes piece by piece is sent so. */
  readonly body: string | Uint8Array | AsyncIterable<string>;
  /** More fields of the head, names in lower case. Default none. */
  readonly fields?: readonly string[];
}

/** The page of a path, by its longest name; undefined: there is none. */
export function pageOf(pages: ReadonlyMap<string, HttpPage>, path: string): HttpPage | undefined {
  let found = pages.get(path);
  if (found !== undefined) return found;
  for (const page of pages.values())
    if (page.path.endsWith("/") && path.startsWith(page.path) && page.path.length > (found?.path.length ?? 0))
      found = page;
  return found;
}

/** Answers once the request has come to its end; `done` is called when the answer has been written. */
export function readForPage(
  page: HttpPage,
  call: ServerCall,
  parts: ServerParts,
  done: () => void,
): RequestReader {
  return new DroppingReader(call, () => void answer(page, call, parts, done));
}

async function answer(page: HttpPage, call: ServerCall, parts: ServerParts, done: () => void): Promise<void> {
  let given: HttpAnswer;
  try {
    const at = call.head.path.indexOf("?");
    const query = new URLSearchParams(at === -1 ? "" : call.head.path.slice(at + 1));
    const path = at === -1 ? call.head.path : call.head.path.slice(0, at);
    const { signal } = call;
    given = await page.answer(query, call.head.fields, { path, signal });
  } catch (error) {
    parts.onHandlerError(error, call);
    given = { status: 500, contentType: "text/plain; charset=utf-8", body: "the page failed\n" };
  }
  if (call.ended || call.over) return done();
  const { status, contentType, body, fields = [] } = given;
  const type = contentType === "" ? [] : ["content-type", contentType];
  call.sendHead(status, [...type, ...fields, ...call.answerFields]);
  if (typeof body === "string") call.sendBody(UTF8.encode(body));
  else if (body instanceof Uint8Array) call.sendBody(body);
  else if (call.head.method !== "HEAD") await sendPieces(call, body);
  if (!call.ended && !call.over) {
    call.sendEnd();
    call.flush();
  }
  done();
}

const UTF8 = new TextEncoder();

/** What fails in the middle ends the answer there. */
async function sendPieces(call: ServerCall, pieces: AsyncIterable<string>): Promise<void> {
  call.flush();
  try {
    for await (const piece of pieces) {
      if (call.full) await call.room();
      if (call.ended || call.over) return;
      call.sendBody(UTF8.encode(piece));
      call.flush();
    }
  } catch (error) {
    call.parts.onHandlerError(error, call);
  }
}
