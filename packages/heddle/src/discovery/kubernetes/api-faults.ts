/**
 * What an answer of the API server other than "here it is" asks us to do. The same things are said as a status of HTTP and,
 * once a watch runs, as an event within it.
 *
 * https://kubernetes.io/docs/reference/using-api/api-concepts/#410-gone-responses
 */
import { HeddleError } from "../../call/errors.ts";
import { fieldsAt, textAt, toFields } from "../fields/json-fields.ts";

/** What we know is too old to go on from, or newer than what the server knows: list again. */
export class CursorLost extends Error {
  override readonly name = "CursorLost";
}

/** The server asks for a pause. */
export class ServerBusy extends Error {
  override readonly name = "ServerBusy";
  readonly waitMs: number;

  constructor(message: string, waitMs: number) {
    super(message);
    this.waitMs = waitMs;
  }
}

/** Where a fault was found. */
export interface FaultContext {
  /** The API server, for people. */
  readonly address: string;
  /** The header's value, if there was one. */
  readonly retryAfter?: string | undefined;
}

/**
 * The error for a Status with this code. `body` is the Status object, or whatever else the answer was, of which no
 * more than the message is repeated.
 */
export function toApiFault(code: number, body: unknown, { address, retryAfter }: FaultContext): Error {
  const message = textAt(toFields(body), "message").slice(0, 400) || `HTTP status ${code}`;
  const pauseSeconds = Number(retryAfter ?? fieldsAt(toFields(body), "details")["retryAfterSeconds"]);
  switch (code) {
    case 401:
    case 403:
      return new HeddleError("registryRefused", { address, reason: message });
    case 410:
      return new CursorLost(message);
    case 429:
      return new ServerBusy(message, pauseMs(pauseSeconds));
    case 504:
      // Such as "Too large resource version": an API server that is behind the one that we asked before.
      return new CursorLost(message);
    default:
      if (pauseSeconds > 0) return new ServerBusy(message, pauseMs(pauseSeconds));
      return new Error(`${address}: ${message}`);
  }
}

function pauseMs(seconds: number): number {
  return seconds > 0 ? Math.min(seconds, MAX_PAUSE_SECONDS) * 1000 : 1000;
}

/** A longer one is asked for by mistake, or by somebody in between. */
const MAX_PAUSE_SECONDS = 60;
