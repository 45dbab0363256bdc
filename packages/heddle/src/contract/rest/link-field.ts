/**
 * One value of a `link` field.
 * Source: RFC 8288 §3, and RFC 8187 for titles that are not ASCII
 */
import { encodeSegment } from "./path-text.ts";

/** `href` is a URI reference as it is sent. */
export function writeLink(href: string, rel: string, title = ""): string {
  const titled = title === "" ? "" : `; ${titleOf(title)}`;
  return `<${href}>; rel="${rel}"${titled}`;
}

function titleOf(title: string): string {
  const isPlain = /^[\x20-\x7e]*$/.test(title);
  return isPlain
    ? `title="${title.replace(/[\\"]/g, "\\$&")}"`
    : `title*=UTF-8''${encodeSegment(title.toWellFormed())}`;
}
