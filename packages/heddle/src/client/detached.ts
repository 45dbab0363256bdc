/**
 * A transport for work that is nobody's request: watches, leases, health checks. Such work begins when something needs it,
 * often inside a handler, and goes on for long after; if its calls were children of the call being served then, they would
 * end with it, and every later one would be refused.
 */
import { runDetached } from "../call/context.ts";
import type { ClosableTransport } from "./transport.ts";

/** The same transport; calls through it inherit no deadline, cancellation, trace or metadata. */
export function detached(transport: ClosableTransport): ClosableTransport {
  return {
    ...transport,
    unary: (...call) => runDetached(() => transport.unary(...call)),
    stream: (...call) => runDetached(() => transport.stream(...call)),
  };
}
