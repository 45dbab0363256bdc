/**
 * That a method goes away, and when, as all its answers tell it.
 *
 * Nothing here looks at a clock: `deprecation` may be a time to come, and after `sunset` a method answers until somebody
 * takes it out of the contract.
 * Source: RFC 9745 (`deprecation`) and RFC 8594 (`sunset`)
 */
import type { Fields } from "../../call/metadata.ts";
import type { Deprecation } from "../../gen/heddle/options/v1/http_pb.ts";
import { writeLink } from "./link-field.ts";
import { checkUrl } from "./link-target.ts";

/** Throws for what is no time and no URL, and for an end before the beginning. */
export function deprecationFields({ since, sunset, link, sunsetLink }: Deprecation): Fields {
  if (since === "") throw new Error("rest.deprecation has no since");
  const sinceMs = timeOf("since", since);
  const fields = ["deprecation", `@${Math.floor(sinceMs / 1000)}`];
  if (sunset !== "") {
    const sunsetMs = timeOf("sunset", sunset);
    if (sunsetMs < sinceMs) throw new Error("rest.deprecation: its sunset is before its since");
    fields.push("sunset", new Date(sunsetMs).toUTCString());
  } else if (sunsetLink !== "") throw new Error("rest.deprecation: sunset_link without a sunset");
  const links = [
    ...(link === "" ? [] : [writeLink(checkUrl(link), "deprecation")]),
    ...(sunsetLink === "" ? [] : [writeLink(checkUrl(sunsetLink), "sunset")]),
  ];
  return links.length === 0 ? fields : [...fields, "link", links.join(", ")];
}

/** In ms since 1970. A date is its beginning in UTC. */
function timeOf(name: string, text: string): number {
  const [, date, time] = TIME.exec(text) ?? [];
  const ms = date === undefined ? Number.NaN : Date.parse(time === undefined ? `${date}T00:00:00Z` : text);
  // JavaScript takes the 30th of February for the 2nd of March.
  const isDay = date !== undefined && new Date(`${date}T00:00:00Z`).toJSON()?.startsWith(date) === true;
  if (Number.isNaN(ms) || !isDay)
    throw new Error(`rest.deprecation: ${name} "${text}" is no date such as 2026-03-01, and no time`);
  return ms;
}

/** RFC 3339 */
const TIME = /^(\d{4}-\d{2}-\d{2})(T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2}))?$/;
