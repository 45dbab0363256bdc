/**
 * A decoded header list.
 *
 * One flat array of strings and no map: most readers look at each field once, in order, and the layer above
 * keeps what it made of the list in `parsed`, so that a block that comes again is not even looked at.
 */
export interface HeaderBlock {
  /** name, value, name, value, … in wire order; names as received, one character for each octet. */
  readonly fields: readonly string[];
  /** Size of the list as RFC 9113 §6.5.2 counts it: name + value + 32 for each field. */
  readonly listBytes: number;
  /** Memo of the layer above: what it made of this block, which comes back as the same object. */
  parsed: unknown;
}
