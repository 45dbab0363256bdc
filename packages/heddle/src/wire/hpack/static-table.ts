/**
 * The 61 header fields both sides know before the first byte (RFC 7541, appendix A).
 */
import { createHeaderField, type HeaderField } from "./header-field.ts";

/** Index 1 to 61; place 0 is not a valid index and stays empty. */
export const STATIC_TABLE: readonly (HeaderField | undefined)[] = [undefined, ...createStaticFields()];

/** The first index that refers to the dynamic table. */
export const FIRST_DYNAMIC_INDEX = 62;

/** Where a name stands in the static table. */
export interface StaticName {
  /** Lowest index with this name. */
  readonly index: number;
  /** Value → index, for all entries of this name. */
  readonly values: ReadonlyMap<string, number>;
}

/** The static table by name, for encoders. */
export const STATIC_NAMES: ReadonlyMap<string, StaticName> = indexByName();

function createStaticFields(): HeaderField[] {
  const withValues: readonly (readonly [name: string, ...values: string[]])[] = [
    [":authority", ""],
    [":method", "GET", "POST"],
    [":path", "/", "/index.html"],
    [":scheme", "http", "https"],
    [":status", "200", "204", "206", "304", "400", "404", "500"],
    ["accept-charset", ""],
    ["accept-encoding", "gzip, deflate"],
  ];
  const namesOnly =
    "accept-language accept-ranges accept access-control-allow-origin age allow authorization cache-control " +
    "content-disposition content-encoding content-language content-length content-location content-range " +
    "content-type cookie date etag expect expires from host if-match if-modified-since if-none-match if-range " +
    "if-unmodified-since last-modified link location max-forwards proxy-authenticate proxy-authorization range " +
    "referer refresh retry-after server set-cookie strict-transport-security transfer-encoding user-agent vary " +
    "via www-authenticate";
  const fields: HeaderField[] = [];
  for (const [name, ...values] of withValues) {
    for (const value of values) fields.push(createHeaderField(name, value));
  }
  for (const name of namesOnly.split(" ")) fields.push(createHeaderField(name, ""));
  return fields;
}

function indexByName(): Map<string, StaticName> {
  const byName = new Map<string, { index: number; values: Map<string, number> }>();
  STATIC_TABLE.forEach((field, index) => {
    if (field === undefined) return;
    const known = byName.get(field.name);
    if (known === undefined) byName.set(field.name, { index, values: new Map([[field.value, index]]) });
    else known.values.set(field.value, index);
  });
  return byName;
}
