/**
 * The whole path of an incoming call on one page, in the order a request meets the layers. The answer goes
 * back the same way. The running process prints this list (`heddle stack`), and a golden file holds it.
 */
import type { ServerLayer } from "./layer.ts";
import { admit } from "./layers/admit.ts";
import { bulkhead } from "./layers/bulkhead.ts";
import { cors } from "./layers/cors.ts";
import { deadline } from "./layers/deadline.ts";
import { load } from "./layers/load.ts";
import { handle } from "./layers/handle.ts";
import { protocol } from "./layers/protocol.ts";
import { record } from "./layers/record.ts";
import { route } from "./layers/route.ts";

// Five lines of the list are carried out elsewhere: `http2` by the session and the machine below it, `validate` where
// requests have been read, by checks that the route has (`validation.ts`), `context` and `interceptors` by what `handle`
// calls, `once` around the handler (`idempotency/once.ts`).

const http2: ServerLayer = {
  name: "http2",
  does: "frames, header compression, flow control and every limit on what a peer may do",
  order: "below it is the socket; a connection that breaks a rule ends here",
};

const validate: ServerLayer = {
  name: "validate",
  does: "refuses requests that break the rules of their contract (protovalidate); types without rules cost nothing",
  order:
    "inside all that may refuse a call unread; outside interceptors and handler, which see only what is valid",
};

const context: ServerLayer = {
  name: "context",
  does: "makes deadline, cancellation, trace and propagated metadata flow into calls made by the handler",
  order: "around interceptors and handler, so that both are inside of it",
};

const interceptors: ServerLayer = {
  name: "interceptors",
  does: "yours, as in Connect; absent, they cost nothing",
  order: "inside all of ours: they see only calls that were let in",
};

const once: ServerLayer = {
  name: "once",
  does: "gives a repeated call with an idempotency key the answer of the first one; absent, it costs nothing",
  order: "inside interceptors: who may not call gets no stored answer either",
};

export const serverStack: readonly ServerLayer[] = [
  http2,
  record,
  cors,
  protocol,
  route,
  load,
  deadline,
  admit,
  bulkhead,
  validate,
  context,
  interceptors,
  once,
  handle,
];
