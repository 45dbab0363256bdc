/**
 * Entity tags: short texts that stand for one state of a resource, so that a caller who has it already is told so in a few
 * bytes, and a change to another state than the caller saw is refused.
 *
 * What a contract calls the tag may be any text; what HTTP calls it is that text in quotes, with the signs that cannot
 * stand there percent-encoded. Behind a semicolon follows which form of the answer it is of (`"5;gzip"`), for a strong
 * tag stands for bytes; who asks for a change with it means the state.
 * Source: RFC 9110 §8.8.3 and §13.1
 */

export interface EntityTag {
  /** Only says that it means the same: never enough for a change. */
  readonly weak: boolean;
  /** What stands between the quotes. */
  readonly opaque: string;
}

/** `form` such as `hal`: empty for the usual one. */
export function writeEntityTag(value: string, form = ""): string {
  const text = value.toWellFormed().replace(UNSAFE, encodeSign);
  return `"${text}${form === "" ? "" : `;${form}`}"`;
}

/** The tag of the same state in compressed form. */
export function compressedTag(tag: string, coding: string): string {
  return `${tag.slice(0, -1)};${coding}"`;
}

/** What the contract calls it; undefined for a tag that no `writeEntityTag` has made. */
export function valueOfTag({ opaque }: EntityTag): string | undefined {
  const end = opaque.indexOf(";");
  try {
    return decodeURIComponent(end === -1 ? opaque : opaque.slice(0, end));
  } catch {
    return undefined;
  }
}

/** `*`, or the tags of an `if-match` or `if-none-match`; undefined when it is neither. */
export function readEntityTags(list: string): readonly EntityTag[] | "*" | undefined {
  if (list.trim() === "*") return "*";
  const tags: EntityTag[] = [];
  ITEM.lastIndex = 0;
  for (let at = 0; at < list.length; at = ITEM.lastIndex) {
    const item = ITEM.exec(list);
    if (item === null || tags.length === MAX_TAGS) return undefined;
    if (item[2] !== undefined) tags.push({ weak: item[1] !== undefined, opaque: item[2] });
  }
  return tags.length === 0 ? undefined : tags;
}

/** Whether one of the tags means the same as `tag`, be it for a compressed form of it: RFC 9110's weak comparison. */
export function hasSame(tags: readonly EntityTag[], tag: string): boolean {
  const quoted = tag.startsWith("W/") ? tag.slice(2) : tag;
  if (!quoted.startsWith('"')) return false;
  const own = uncompressed(quoted.slice(1, -1));
  return tags.some(({ opaque }) => uncompressed(opaque) === own);
}

/** As `hasSame`, for a condition under which something is done: weak tags are not enough. */
export function hasStrong(tags: readonly EntityTag[], tag: string): boolean {
  const strong = tags.filter(({ weak }) => !weak);
  return !tag.startsWith("W/") && hasSame(strong, tag);
}

function uncompressed(opaque: string): string {
  return opaque.replace(CODING, "");
}

function encodeSign(sign: string): string {
  // Those that encodeURIComponent leaves alone are in no `UNSAFE`.
  return encodeURIComponent(sign);
}

/** A comma, a backslash and a semicolon may stand in a tag, but not all who read tags know, and the last one is ours. */
const UNSAFE = /[^\w\-.~!*'()+/=:@$&#?]/gu;
const CODING = /;(?:gzip|br|deflate|zstd)$/;
/** One tag with the comma behind it; empty items may be there (RFC 9110 §5.6.1). */
const ITEM = /[ \t]*(?:(W\/)?"([\x21\x23-\x7e\x80-\xff]*)"[ \t]*)?(?:,|$)/y;
/** Tags of one request. */
const MAX_TAGS = 100;
