/**
 * Entity tags of answers to who reads: a caller that has the answer already is told so in a few bytes, and one that wants
 * just the state it knows gets no other.
 * Source: RFC 9110 §13.1 and §13.2
 */
import { hasSame, hasStrong, readEntityTags } from "../../contract/rest/entity-tag.ts";
import type { Fields } from "../../call/metadata.ts";
import type { RequestHead } from "../../wire/http2/head.ts";

/** `fresh`: the caller has it, 304. `other`: it is not what the caller wants, 412. Only what is read can be either. */
export function judgeTag(
  { method, fields }: RequestHead,
  tag: string | undefined,
): "fresh" | "other" | "send" {
  if (tag === undefined || (method !== "GET" && method !== "HEAD")) return "send";
  const wanted = joinedField(fields, "if-match");
  if (wanted !== undefined && !isNamed(wanted, tag, hasStrong)) return "other";
  const known = joinedField(fields, "if-none-match");
  return known !== undefined && isNamed(known, tag, hasSame) ? "fresh" : "send";
}

function isNamed(list: string, tag: string, has: typeof hasSame): boolean {
  const tags = readEntityTags(list);
  return tags === "*" || (tags !== undefined && has(tags, tag));
}

/** All values of a field, as the one list that they are. */
export function joinedField(fields: Fields, name: string): string | undefined {
  let joined: string | undefined;
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i] === name) joined = joined === undefined ? fields[i + 1] : `${joined}, ${fields[i + 1]}`;
  }
  return joined;
}
