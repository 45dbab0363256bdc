/**
 * JSON arrives as bytes, and those may be no UTF-8. The decoder of the platform says that they are not, but not where; whoever
 * looks for it in a body of a megabyte wants the place.
 */

/** Throws for bytes that are no UTF-8, with the place of the first. A byte order mark stays, and is no JSON. */
export function readUtf8(bytes: Uint8Array): string {
  try {
    return STRICT.decode(bytes);
  } catch (error) {
    throw new Error(`it is not UTF-8 (at byte ${firstWrong(bytes)})`, { cause: error });
  }
}

/** What is replaced when it is read leniently differs from what was there. */
function firstWrong(bytes: Uint8Array): number {
  const mended = new TextEncoder().encode(LENIENT.decode(bytes));
  const at = bytes.findIndex((byte, i) => byte !== mended[i]);
  return at === -1 ? bytes.length : at;
}

const STRICT = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const LENIENT = new TextDecoder("utf-8", { ignoreBOM: true });
