/**
 * CORS: which pages of other origins a browser lets call, and what of the answer it shows them. Off unless origins are
 * named.
 *
 * An origin is allowed by being named, letter for letter, or by `"*"`. What the browser sends as `origin` is only ever
 * compared; what is sent back is our own copy of the name. With names, every answer says `vary: origin`, also one to
 * a request without an origin, so that no cache between hands the answer for one page to another.
 * Source: https://fetch.spec.whatwg.org/#http-cors-protocol
 */
import { atLeast, invalidOption } from "../call/check-option.ts";
import { TRAILER_PREFIX } from "../call/connect-trailers.ts";
import { type Fields, findField } from "../call/metadata.ts";

export interface CorsOptions {
  /** Origins whose pages may call, such as `https://shop.example`; `"*"` for all there are. */
  readonly origins: readonly string[] | "*";
  /** Request metadata that pages may send, besides what the protocols need, such as `authorization`. Default none. */
  readonly allowHeaders?: readonly string[];
  /** Answer metadata that pages may see, besides what the protocols need; of trailers too. Default none. */
  readonly exposeHeaders?: readonly string[];
  /** How long a browser may remember what is allowed, in seconds. Default 7200, which is the most that Chromium keeps. */
  readonly maxAgeSeconds?: number;
  /** Let pages send cookies and client certificates. Not with `"*"`. Default false. */
  readonly credentials?: boolean;
}

/** `CorsOptions`, checked and made ready. */
export interface CorsPolicy {
  /** What the head of an answer says to a page of `origin`; undefined is a request that has none. */
  answer(origin: string | undefined): Fields;
  /** Whether pages of `origin` may call. */
  allows(origin: string): boolean;
  /** The answer to a preflight of `origin`; undefined when it is not allowed. `methods` are those that pages may use. */
  preflight(origin: string, methods?: readonly string[]): Fields | undefined;
}

/** Throws `optionInvalid`. */
export function createCorsPolicy(options: CorsOptions): CorsPolicy {
  const {
    origins,
    allowHeaders = [],
    exposeHeaders = [],
    maxAgeSeconds = 7200,
    credentials = false,
  } = options;
  if (origins !== "*" && !Array.isArray(origins))
    throw invalidOption("cors.origins", 'it must be a list of origins, or "*"');
  if (origins === "*" && credentials)
    throw invalidOption(
      "cors.credentials",
      'it cannot go with origins "*": name the origins that are trusted so far',
    );
  const named = new Map((origins === "*" ? [] : origins).map((origin) => [checkOrigin(origin), origin]));
  const allowed = list([...REQUEST_HEADERS, ...checkNames("cors.allowHeaders", allowHeaders)]);
  const shown = checkNames("cors.exposeHeaders", exposeHeaders);
  // Trailers of a unary Connect call are headers with a prefix.
  const exposed = list([...ANSWER_HEADERS, ...shown, ...shown.map((name) => `${TRAILER_PREFIX}${name}`)]);
  const maxAge = String(Math.floor(atLeast("cors.maxAgeSeconds", maxAgeSeconds, 0)));
  const vary: Fields = origins === "*" ? [] : ["vary", "origin"];
  const withCredentials: Fields = credentials ? ["access-control-allow-credentials", "true"] : [];

  function grant(origin: string | undefined): Fields | undefined {
    if (origin === undefined) return undefined;
    const name = origins === "*" ? "*" : named.get(origin);
    return name === undefined
      ? undefined
      : ["access-control-allow-origin", name, ...withCredentials, ...vary];
  }

  return {
    allows: (origin) => grant(origin) !== undefined,
    answer(origin) {
      const granted = grant(origin);
      return granted === undefined ? vary : [...granted, "access-control-expose-headers", exposed];
    },
    preflight(origin, methods = ["GET", "POST"]) {
      const granted = grant(origin);
      if (granted === undefined) return undefined;
      return [
        ...granted,
        "access-control-allow-methods",
        methods.join(", "),
        "access-control-allow-headers",
        allowed,
        "access-control-max-age",
        maxAge,
      ];
    },
  };
}

/** The origin of a preflight; undefined for a request that is none. */
export function preflightOrigin(method: string, fields: Fields): string | undefined {
  if (method !== "OPTIONS" || findField(fields, "access-control-request-method") === undefined)
    return undefined;
  return findField(fields, "origin");
}

/** What the protocols send. */
const REQUEST_HEADERS = [
  "content-type",
  "accept-encoding",
  "connect-accept-encoding",
  "connect-content-encoding",
  "connect-protocol-version",
  "connect-timeout-ms",
  "content-encoding",
  "grpc-accept-encoding",
  "grpc-encoding",
  "grpc-timeout",
  "if-match",
  "if-none-match",
  "x-grpc-web",
  "x-user-agent",
];

/** What their clients read in an answer. */
const ANSWER_HEADERS = [
  "allow",
  "connect-content-encoding",
  "content-encoding",
  "deprecation",
  "etag",
  "grpc-encoding",
  "grpc-message",
  "grpc-status",
  "grpc-status-details-bin",
  "link",
  "location",
  "retry-after",
  "sunset",
];

/** An origin is scheme, host and port, and nothing else: what a browser sends, letter for letter. */
function checkOrigin(origin: string): string {
  let parsed: string | undefined;
  try {
    const { protocol, host } = new URL(origin);
    parsed = `${protocol}//${host}`;
  } catch {
    // It is no URL at all.
  }
  if (parsed !== origin || origin.endsWith("//") || origin.includes("*"))
    throw invalidOption(
      "cors.origins",
      `"${origin}" is no origin: write scheme, host and port, such as https://shop.example`,
    );
  return origin;
}

function checkNames(option: string, names: readonly string[]): string[] {
  return names.map((name) => {
    if (!/^[!#$%&'+\-.^_`|~0-9a-zA-Z]+$/.test(name))
      throw invalidOption(option, `"${name}" is no name of a header`);
    return name.toLowerCase();
  });
}

function list(names: readonly string[]): string {
  return [...new Set(names)].join(", ");
}
