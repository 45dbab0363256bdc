/**
 * An exchange that writes text to its socket anyway: it takes a body that is one, where others want bytes. Encoding an
 * answer and reading it back costs as much as making its text.
 */
import type { ServerCall } from "./call.ts";

export interface TextSender {
  /** As `sendBody`, for text that is ASCII alone. */
  sendText(ascii: string): void;
}

export function takesText(call: ServerCall): call is ServerCall & TextSender {
  return "sendText" in call;
}
