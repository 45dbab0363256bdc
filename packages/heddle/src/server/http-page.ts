/**
 * What a plain GET gets, for tools that speak HTTP and none of our protocols: Prometheus, a load balancer's probe. It
 * has a path of its own beside the methods, is not a call to a handler, and passes none of the layers inside `protocol`.
 */
import type { Fields } from "../call/metadata.ts";
import type { RequestReader, ServerCall } from "./call.ts";
import { DroppingReader } from "./http-refusal.ts";
import type { ServerParts } from "./layer.ts";

export interface HttpPage {
  /** Begins with a slash, without a query: `/prometheus/sd`. */
  readonly path: string;
  /** What GET and HEAD get; `fields` are those of the request. When it throws, that is told as a handler's error, and the status is 500. */
  answer(query: URLSearchParams, fields: Fields): HttpAnswer | Promise<HttpAnswer>;
}

export interface HttpAnswer {
  readonly status: number;
  /** Empty for an answer without a body. */
  readonly contentType: string;
  readonly body: string | Uint8Array;
  /** More fields of the head, names in lower case. Default none. */
  readonly fields?: readonly string[];
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
    given = await page.answer(query, call.head.fields);
  } catch (error) {
    parts.onHandlerError(error, call);
    given = { status: 500, contentType: "text/plain; charset=utf-8", body: "the page failed\n" };
  }
  if (call.ended || call.over) return done();
  const { status, contentType, body, fields = [] } = given;
  const type = contentType === "" ? [] : ["content-type", contentType];
  call.sendHead(status, [...type, ...fields, ...call.answerFields]);
  call.sendBody(typeof body === "string" ? new TextEncoder().encode(body) : body);
  call.sendEnd();
  call.flush();
  done();
}
