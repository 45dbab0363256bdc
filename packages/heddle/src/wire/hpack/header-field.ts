/**
 * One name and value as the tables of HPACK hold it.
 *
 * Strings carry one octet per character (latin-1), so a string's length is its length in octets. The same
 * object, and with it the same two strings, is handed out each time an index refers to it.
 */
export interface HeaderField {
  readonly name: string;
  readonly value: string;
  /** What the field counts for, in the table and in a header list: name + value + 32 (RFC 7541 §4.1). */
  readonly bytes: number;
}

/** Octets every field counts for beyond its two strings (RFC 7541 §4.1). */
export const FIELD_OVERHEAD_BYTES = 32;

export function createHeaderField(name: string, value: string): HeaderField {
  return { name, value, bytes: name.length + value.length + FIELD_OVERHEAD_BYTES };
}
