/** Between the suite's lists of headers and Fetch's `Headers`, and from the address of a type to its name. */
import { create } from "@bufbuild/protobuf";
import { type Header, HeaderSchema } from "./schema.ts";

export function appendHeaders(target: Headers, list: readonly Header[]): void {
  for (const { name, value: values } of list) for (const value of values) target.append(name, value);
}

/** `Headers` joins the values of one name; the runner takes them apart where it looks for several. */
export function toHeaderList(entries: Iterable<readonly [name: string, value: string]>): Header[] {
  return Array.from(entries, ([name, value]) => create(HeaderSchema, { name, value: [value] }));
}

/** `type.googleapis.com/shop.v1.Order` is a `shop.v1.Order`. */
export function typeNameOf(typeUrl: string): string {
  return typeUrl.slice(typeUrl.lastIndexOf("/") + 1);
}
