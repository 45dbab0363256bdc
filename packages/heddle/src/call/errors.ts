/**
 * Errors of the catalogue as values. They are recognised by code and brand, never by text, so two copies of the
 * package in one process still understand each other.
 */
import { type Code, ConnectError } from "@connectrpc/connect";
import {
  CATALOGUE,
  type CatalogueEntry,
  type ErrorName,
  type ErrorOrigin,
  type Retryability,
} from "./error-catalogue.ts";

const BRAND = Symbol.for("heddle.error");

/**
 * An error from the catalogue. It is a `ConnectError`, so `code` and `Code` work as everywhere else. Its `name`
 * stays "ConnectError": that is how Connect recognises one of a class other than its own.
 */
export class HeddleError extends ConnectError {
  readonly [BRAND] = true;
  /** The catalogue's code, e.g. `HDL-2101`: stable, documented under docs/errors. */
  readonly heddleCode: string;
  /** The catalogue's name of it, e.g. `noInstance`. */
  readonly reason: ErrorName;
  readonly retry: Retryability;
  readonly origin: ErrorOrigin;
  readonly hint: string;

  /** `options.code` stands in for the catalogue's where the peer said which one it is. */
  constructor(reason: ErrorName, params: ErrorParams = {}, options: { cause?: unknown; code?: Code } = {}) {
    const known: CatalogueEntry = CATALOGUE[reason];
    super(
      `${fill(known.template, params)} (${known.id})`,
      options.code ?? known.code,
      undefined,
      undefined,
      options.cause,
    );
    this.heddleCode = known.id;
    this.reason = reason;
    this.retry = known.retry;
    this.origin = known.origin;
    this.hint = known.hint;
  }

  /** By the brand; the rule inherited from Connect would say yes to every `ConnectError`. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return isHeddleError(value);
  }

  toJSON(): Record<string, unknown> {
    const { heddleCode, reason, retry, origin, hint, code, rawMessage } = this;
    return {
      heddleCode,
      reason,
      code,
      message: rawMessage,
      retry,
      origin,
      hint,
      docs: `docs/errors/${heddleCode}.md`,
    };
  }
}

export type ErrorParams = Readonly<Record<string, string | number>>;

/** True for an error from the catalogue, also when another copy of the package raised it. */
export function isHeddleError(value: unknown): value is HeddleError {
  return typeof value === "object" && value !== null && BRAND in value;
}

/** The text of any thrown value, for the `reason` of a catalogue error. */
export function reasonText(value: unknown): string {
  if (value instanceof ConnectError) return value.rawMessage;
  if (value instanceof Error) {
    const { code, library, reason } = value as NodeJS.ErrnoException & OpenSslError;
    // OpenSSL's message has file names and numbers around what it says.
    if (library !== undefined && reason !== undefined) return reason;
    return typeof code === "string" && !value.message.includes(code)
      ? `${code}: ${value.message}`
      : value.message;
  }
  return String(value);
}

/** What Node adds to errors of TLS and of keys. */
interface OpenSslError {
  readonly library?: string;
  readonly reason?: string;
}

/** A reason that came with a code loses it: an error has one, and that stands at its end. */
function fill(template: string, params: ErrorParams): string {
  return template.replace(/\{(\w+)\}/g, (whole, name: string) =>
    clipped(String(params[name] ?? whole)).replace(/ \(HDL-\d{4}\)/g, ""),
  );
}

/** What a peer sent may stand in it, who gets it back in the answer, and logs get it too. */
function clipped(text: string): string {
  return text.length > MAX_PARAM_LENGTH ? `${text.slice(0, MAX_PARAM_LENGTH)}…`.toWellFormed() : text;
}

const MAX_PARAM_LENGTH = 4_000;
