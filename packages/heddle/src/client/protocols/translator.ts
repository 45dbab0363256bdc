/**
 * What stands between a call, which speaks gRPC, and a connection on which another protocol is spoken: it owns the
 * stream towards the connection, and is what the call writes on.
 */
import { HeddleError } from "../../call/errors.ts";
import type { Session, StreamOwner, StreamWriter } from "../../connection/session.ts";
import type { ClientCall } from "../call.ts";
import type { ClientParts } from "../layer.ts";

export interface Translator extends StreamOwner, StreamWriter {}

/** `begin` notes when the request is sent and returns the time left for it in ms. */
export function createTranslator(
  _call: ClientCall,
  _session: Session,
  { protocol }: ClientParts,
  _begin: (call: ClientCall) => number,
): Translator {
  throw new HeddleError("optionInvalid", { option: "protocol", reason: `${protocol} is not there yet` });
}
