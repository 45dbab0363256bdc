/**
 * Octets to strings, one character for each octet.
 *
 * TextDecoder does not fit: its "latin1" is windows-1252, and its fixed price exceeds the whole work for
 * strings as short as those of headers.
 */
const BLOCK = 8;
const CHUNK = 4096;

/** The octets bytes[start,end) as a string. */
export function latin1String(bytes: Uint8Array, start: number, end: number): string {
  if (end - start > 256) return longString(bytes, start, end);
  let text = "";
  let i = start;
  for (; i + BLOCK <= end; i += BLOCK) {
    text += String.fromCharCode(
      bytes[i] as number,
      bytes[i + 1] as number,
      bytes[i + 2] as number,
      bytes[i + 3] as number,
      bytes[i + 4] as number,
      bytes[i + 5] as number,
      bytes[i + 6] as number,
      bytes[i + 7] as number,
    );
  }
  for (; i < end; i++) text += String.fromCharCode(bytes[i] as number);
  return text;
}

function longString(bytes: Uint8Array, start: number, end: number): string {
  let text = "";
  for (let i = start; i < end; i += CHUNK) {
    text += String.fromCharCode(...bytes.subarray(i, Math.min(i + CHUNK, end)));
  }
  return text;
}
