/**
 * A target says what to call and who knows where it is: `heddle:///orders` asks Heddle's own registry,
 * `static:///10.0.0.1:80,10.0.0.2:80` asks nobody. The form is gRPC's, `scheme://authority/name`
 * (https://github.com/grpc/grpc/blob/master/doc/naming.md), with an optional `?key=value` for the back end.
 * One address by itself (`host:port`, `http://host:port`, `unix:/path`, `memory:name`) is short for a static
 * target with that one endpoint. A word alone is refused: it could mean a host or a service.
 */
import { parseAddress } from "../call/address.ts";
import { HeddleError } from "../call/errors.ts";

export interface Target {
  /** Chooses the resolver: "heddle", "static", ... in lower case. */
  readonly scheme: string;
  /** Which server of that kind to ask; empty means the configured one. */
  readonly authority: string;
  /** What to look up there, without the leading slash, percent-decoded. Never empty. */
  readonly name: string;
  /** Settings for the resolver, such as `tag` in `consul:///orders?tag=v2`. */
  readonly query: Readonly<Record<string, string>>;
  /** The canonical text: equal targets have equal text. */
  readonly text: string;
}

/** Parses a target. Throws the catalogue's `targetInvalid` with the reason. */
export function parseTarget(text: string): Target {
  const bare = text.replace(/^http:\/\/([^/?#]+)\/?$/, "$1");
  if (typeof parseAddress(bare) !== "string") return target("static", "", bare, {});
  if (/^[^/?#]*:\/\/[^/?#]*@/.test(text))
    throw invalidTarget(
      { text: text.replace(/\/\/[^/?#]*@/, "//…@") },
      "credentials belong to the registry's URL, not to a target",
    );
  if (/^https:/i.test(text)) throw invalidTarget({ text }, "write host:port, and set `tls` for TLS");
  const parts = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/([^/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?$/.exec(text);
  if (!parts) throw invalidTarget({ text }, reasonForBareText(text, bare));
  const [, scheme = "", authority = "", rawName = "", rawQuery = ""] = parts;
  const name = decode(text, rawName);
  if (name === "")
    throw invalidTarget(
      { text },
      `a name must follow the authority, as in ${scheme.toLowerCase()}:///orders`,
    );
  return target(scheme.toLowerCase(), authority, name, Object.fromEntries(new URLSearchParams(rawQuery)));
}

/** The target of a name in Heddle's own registry. */
export function heddleTarget(name: string): Target {
  if (name === "")
    throw invalidTarget({ text: "heddle:///" }, "a name must follow the authority, as in heddle:///orders");
  return target("heddle", "", name, {});
}

function target(scheme: string, authority: string, name: string, query: Record<string, string>): Target {
  const pairs = Object.entries(query).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const search = pairs.length === 0 ? "" : `?${new URLSearchParams(pairs)}`;
  const path = encodeURI(name).replace(/[?#]/g, encodeURIComponent);
  return { scheme, authority, name, query, text: `${scheme}://${authority}/${path}${search}` };
}

function decode(text: string, rawName: string): string {
  try {
    return decodeURIComponent(rawName);
  } catch {
    throw invalidTarget({ text }, "a percent sign must begin an escape such as %2F");
  }
}

function reasonForBareText(text: string, bare: string): string {
  if (text === "") return "it is empty";
  if (/^[\w.-]+$/.test(text)) return `a name alone is ambiguous: write heddle:///${text}, or ${text}:port`;
  const reason = parseAddress(bare);
  return typeof reason === "string" ? reason : "it is not scheme://authority/name";
}

/** `targetInvalid`: what waiting can't mend. */
export function invalidTarget({ text }: Pick<Target, "text">, reason: string): HeddleError {
  return new HeddleError("targetInvalid", { target: text, reason });
}
