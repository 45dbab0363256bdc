/**
 * Writes the fields of a head that is not gRPC's own: each request or answer has its own, so they are encoded one by
 * one. Fields whose values are few earn a place in HPACK's table; secrets must never have one.
 */
import { isSecret } from "../call/metadata.ts";
import type { Http2Connection } from "../wire/http2/connection.ts";

/** To be called between `beginHeaders` and `endHeaders`. */
export function writeFields({ encoder, out }: Http2Connection, fields: readonly string[]): void {
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string;
    encoder.field(out, name, fields[i + 1] as string, indexingOf(name));
  }
}

function indexingOf(name: string): "index" | "plain" | "never" {
  if (STEADY.has(name)) return "index";
  return isSecret(name) ? "never" : "plain";
}

const STEADY: ReadonlySet<string> = new Set([
  ":authority",
  ":method",
  ":path",
  ":scheme",
  ":status",
  "accept-encoding",
  "connect-accept-encoding",
  "connect-content-encoding",
  "connect-protocol-version",
  "content-encoding",
  "content-type",
  "grpc-accept-encoding",
  "te",
  "user-agent",
  "vary",
  "x-grpc-web",
]);
