/**
 * Entity tags: a caller that has the answer already is told so in a few bytes. The tag is the handler's, in its
 * `etag` header.
 * Source: RFC 9110 §13.1.2
 */
import { findField } from "../../call/metadata.ts";
import type { RequestHead } from "../../wire/http2/head.ts";

/** The caller has what this tag stands for: 304. Only what is read can be fresh. */
export function isFresh({ method, fields }: RequestHead, etag: string | undefined): boolean {
  if (etag === undefined || (method !== "GET" && method !== "HEAD")) return false;
  const known = findField(fields, "if-none-match");
  if (known === undefined) return false;
  return known.trim() === "*" || tags(known).includes(weak(etag));
}

function tags(list: string): readonly string[] {
  return (list.match(/(?:W\/)?"[^"]*"/g) ?? []).map(weak);
}

/** Weak comparison: whether a tag is weak does not matter. */
function weak(tag: string): string {
  return tag.trim().replace(/^W\//, "");
}
