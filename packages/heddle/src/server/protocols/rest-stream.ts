/**
 * Streams of answers in HTTP: JSON by lines for programs, server-sent events for pages.
 *
 * The status has left before anybody knows how the stream ends, so its end says it: an error is a last line
 * `{"error": …}`, or an event named `error`, with the same problem inside that a call without a stream answers. An event
 * named `end` tells a page that all went well: it would come again otherwise.
 * Source: https://github.com/ndjson/ndjson-spec and https://html.spec.whatwg.org/multipage/server-sent-events.html
 */

export interface StreamForm {
  readonly contentType: string;
  /** `json` has no line breaks. */
  message(json: string): Uint8Array;
  end(): Uint8Array;
  error(problem: string): Uint8Array;
}

const UTF8 = new TextEncoder();

/** By the type that a caller asks for; the first is the one for who does not mind. */
export const streamForms: ReadonlyMap<string, StreamForm> = new Map<string, StreamForm>([
  [
    "application/x-ndjson",
    {
      contentType: "application/x-ndjson",
      message: (json) => UTF8.encode(`${json}\n`),
      end: () => new Uint8Array(0),
      error: (problem) => UTF8.encode(`{"error":${problem}}\n`),
    },
  ],
  [
    "text/event-stream",
    {
      contentType: "text/event-stream",
      message: (json) => UTF8.encode(`data: ${json}\n\n`),
      end: () => UTF8.encode("event: end\ndata: {}\n\n"),
      error: (problem) => UTF8.encode(`event: error\ndata: ${problem}\n\n`),
    },
  ],
]);
