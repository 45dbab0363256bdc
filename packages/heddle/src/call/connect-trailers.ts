/**
 * Trailers of a unary Connect answer: they travel as headers whose names have a prefix.
 * Source: https://connectrpc.com/docs/protocol#unary-response ("Trailing-Metadata").
 */
import type { Fields } from "./metadata.ts";

export const TRAILER_PREFIX = "trailer-";

/** The trailers as headers. */
export function prefixTrailers(trailers: Fields): string[] {
  return trailers.map((text, i) => (i % 2 === 0 ? `${TRAILER_PREFIX}${text}` : text));
}

/** The fields of a head, and the trailers among them without their prefix. */
export function splitTrailers(fields: Fields): { readonly header: string[]; readonly trailer: string[] } {
  const header: string[] = [];
  const trailer: string[] = [];
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string;
    const value = fields[i + 1] as string;
    if (name.startsWith(TRAILER_PREFIX)) trailer.push(name.slice(TRAILER_PREFIX.length), value);
    else header.push(name, value);
  }
  return { header, trailer };
}
