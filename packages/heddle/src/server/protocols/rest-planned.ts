/**
 * The head of an answer whose method says in its contract what stands there: entity tag, `location`, `link` fields,
 * `cache-control`, `vary`. What the handler has set itself stays.
 */
import { hash } from "node:crypto";
import type { DescField, Message } from "@bufbuild/protobuf";
import { findField, type Fields } from "../../call/metadata.ts";
import { type AnswerPlan, PAGE_TOKEN } from "../../contract/rest/answer-plan.ts";
import { writeEntityTag } from "../../contract/rest/entity-tag.ts";
import { valueOf } from "../../contract/rest/field-path.ts";
import { fieldTextOf } from "../../contract/rest/field-text.ts";
import { writeLink } from "../../contract/rest/link-field.ts";
import { decodeText, encodeSegment } from "../../contract/rest/path-text.ts";

/** A link of one answer. */
export interface AnswerLink {
  readonly rel: string;
  readonly href: string;
  readonly title: string;
}

/** What a plan makes of one answer. */
export interface PlannedHead {
  /** 201 where something was made. */
  readonly location: string | undefined;
  readonly links: readonly AnswerLink[];
  /** The handler's fields, and the plan's besides; not the entity tag. */
  readonly fields: readonly string[];
}

export interface PlannedParts {
  /** Path and query of the request, as they came. */
  readonly target: string;
  /** What the handler has set, and layers outside. */
  readonly own: Fields;
  /** Its path and its query as a message. */
  readonly request: () => Message;
  /** Whether the answer may be compressed, for who wants that. */
  readonly isCompressible: boolean;
}

export function planHead(plan: AnswerPlan, answer: Message, parts: PlannedParts): PlannedHead {
  const { own, request, isCompressible } = parts;
  const fields = [...own, ...missing(own, plan.always)];
  const ownLocation = findField(own, "location");
  const location = ownLocation ?? plan.location?.href(answer, request);
  if (location !== undefined && ownLocation === undefined) fields.push("location", location);
  if (plan.isTarget && findField(own, "content-location") === undefined)
    fields.push("content-location", toReference(pathIn(parts.target)));
  const links = linksOf(plan, answer, parts);
  if (links.length > 0)
    fields.push("link", links.map(({ href, rel, title }) => writeLink(href, rel, title)).join(", "));
  if (plan.cacheControl !== undefined && findField(own, "cache-control") === undefined)
    fields.push("cache-control", plan.cacheControl);
  const vary = isCompressible ? [...plan.vary, "accept-encoding"] : plan.vary;
  if (vary.length > 0) fields.push("vary", vary.join(", "));
  return { location, links, fields };
}

/** What of `always` the handler has not said itself; several `link` fields are one list. */
export function missing(own: Fields, always: Fields): string[] {
  const left: string[] = [];
  for (let i = 0; i < always.length; i += 2) {
    const name = always[i] as string;
    if (name === "link" || findField(own, name) === undefined) left.push(name, always[i + 1] as string);
  }
  return left;
}

/** The tag that stands in the answer; undefined while that is empty, or where its bytes are the tag. */
export function tagOf({ tag }: AnswerPlan, answer: Message, form: string): string | undefined {
  if (tag === undefined || tag === "bytes") return undefined;
  let value: unknown = answer;
  for (const field of tag.path) {
    if (value === undefined) return undefined;
    value = valueOf(value as Message, field);
  }
  const text = value === undefined ? "" : tag.text.write(value);
  return text === "" ? undefined : writeEntityTag(text, form);
}

/** 128 bits of SHA-256: nobody can make two answers with one tag. */
export function tagOfBytes(bytes: Uint8Array): string {
  return `"${hash("sha256", bytes, "base64url").slice(0, 22)}"`;
}

/**
 * The body with `_links` (HAL) at its end. `json` is an object.
 * Source: https://datatracker.ietf.org/doc/html/draft-kelly-json-hal
 */
export function withLinks(json: Uint8Array, links: readonly AnswerLink[]): Uint8Array {
  const byRel: Record<string, object | object[]> = Object.create(null) as Record<string, object>;
  for (const { rel, href, title } of links) {
    const link = { href, ...(title === "" ? {} : { title }) };
    const before = byRel[rel];
    byRel[rel] = before === undefined ? link : [...(Array.isArray(before) ? before : [before]), link];
  }
  const isEmpty = json.length <= 2;
  const tail = UTF8.encode(`${isEmpty ? "" : ","}"_links":${JSON.stringify(byRel)}}`);
  const whole = new Uint8Array(json.length - 1 + tail.length);
  whole.set(json.subarray(0, -1));
  whole.set(tail, json.length - 1);
  return whole;
}

const UTF8 = new TextEncoder();

function linksOf(
  { links, nextPage }: AnswerPlan,
  answer: Message,
  { request, target }: PlannedParts,
): readonly AnswerLink[] {
  const made: AnswerLink[] = [];
  for (const { rel, title, target: to } of links) {
    const href = to.href(answer, request);
    if (href !== undefined) made.push({ rel, href, title });
  }
  const next = nextPage && nextHref(nextPage, answer, target);
  if (next !== undefined) made.push({ rel: "next", href: next, title: "" });
  return made;
}

/** The same request with the token of the next page; undefined on the last one. */
function nextHref(field: DescField, answer: Message, target: string): string | undefined {
  const value = valueOf(answer, field);
  const token = value === undefined ? "" : (fieldTextOf(field)?.write(value) ?? "");
  if (token === "") return undefined;
  const path = pathIn(target);
  const pairs = target.slice(path.length + 1).split("&");
  const kept = pairs.filter((pair) => pair !== "" && !isPageToken(pair));
  const query = [...kept, `${PAGE_TOKEN}=${encodeSegment(token)}`].join("&");
  return toReference(`${path}?${query}`);
}

/** What came as a path over HTTP/2 may hold any sign but the end of a line; what stands in a field, and in `<…>`, may not. */
function toReference(target: string): string {
  return target.replace(/[^\x21-\x7e]|[<>"\\^`{|}]/gu, (sign) => encodeURIComponent(sign.toWellFormed()));
}

function pathIn(target: string): string {
  const question = target.indexOf("?");
  return question === -1 ? target : target.slice(0, question);
}

function isPageToken(pair: string): boolean {
  const equals = pair.indexOf("=");
  const name = decodeText(equals === -1 ? pair : pair.slice(0, equals));
  return name === PAGE_TOKEN || name === "pageToken";
}
