/**
 * How a request is refused whose path leads nowhere, told as a problem: the same for plain HTTP and for a WebSocket.
 */
import { HeddleError } from "../call/errors.ts";
import type { HttpRefusal } from "./http-refusal.ts";
import type { ServerParts } from "./layer.ts";

/** `error` is made when it is told. */
export function problemRefusal(
  status: number,
  error: () => HeddleError,
  fields: readonly string[] = [],
): HttpRefusal {
  return { status, fields, error, asProblem: true };
}

/** No binding has the path. */
export function unknownPath(path: string, { router }: ServerParts): HttpRefusal {
  const params = { path: path.slice(0, 200), served: router.servedNear(path) };
  return problemRefusal(404, () => new HeddleError("methodUnknown", params));
}

/** It is no path, such as for a percent sign with nothing behind it. */
export function malformedPath(path: string, reason: string): HttpRefusal {
  const params = { parameter: path.slice(0, 100), method: "a path", reason };
  return problemRefusal(400, () => new HeddleError("parameterInvalid", params));
}
