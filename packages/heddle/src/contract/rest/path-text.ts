/**
 * Percent-encoding in paths, where it differs by what a variable captures: the value of a single segment is encoded
 * whole, slashes included; a value of several segments keeps its slashes, and on its way back `%2F` stays as it is, for
 * it is no boundary between segments.
 * Source: https://github.com/googleapis/googleapis/blob/master/google/api/http.proto, on variables
 */

/** All but `[-_.~0-9a-zA-Z]` is encoded. Throws a URIError for half a surrogate pair. */
export function encodeSegment(value: string): string {
  return UNRESERVED.test(value) ? value : encodeURIComponent(value).replace(/[!'()*]/g, percent);
}

/** As `encodeSegment`, with slashes kept. */
export function encodeSegments(value: string): string {
  return value.includes("/") ? value.split("/").map(encodeSegment).join("/") : encodeSegment(value);
}

/** Undefined when it is not percent-encoded UTF-8. */
export function decodeText(text: string): string | undefined {
  if (!text.includes("%")) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** As `decodeText`, with `%2F` and `%2f` left alone. */
export function decodeSegments(text: string): string | undefined {
  if (!text.includes("%")) return text;
  let decoded = "";
  for (const part of text.split(/(%2f)/i)) {
    const piece = /^%2f$/i.test(part) ? part : decodeText(part);
    if (piece === undefined) return undefined;
    decoded += piece;
  }
  return decoded;
}

const UNRESERVED = /^[\w\-.~]*$/;

function percent(sign: string): string {
  return `%${sign.charCodeAt(0).toString(16).toUpperCase()}`;
}
