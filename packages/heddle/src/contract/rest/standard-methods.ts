/**
 * An HTTP rule for a method that has none, by convention: the standard methods of Google's API guides (AIP-131 to 135:
 * Get, List, Create, Update, Delete), and custom methods (AIP-136) for all others. It is asked for, never taken by itself:
 * a path is a promise.
 *
 *     GetOrder(order_id)      GET    /v1/orders/{order_id}
 *     ListOrders              GET    /v1/orders
 *     CreateOrder(order)      POST   /v1/orders                 body: order
 *     UpdateOrder(order)      PATCH  /v1/orders/{order.id}      body: order
 *     DeleteOrder(id)         DELETE /v1/orders/{id}
 *     CancelOrder(order_id)   POST   /v1/orders/{order_id}:cancel   body: *
 *
 * A request that has a resource name (`name`, `parent`) gets the paths of AIP-122, by the patterns of
 * `google.api.resource` where the contract has them.
 * Source: https://google.aip.dev/131 and those that follow it
 */
import {
  create,
  type DescField,
  type DescMessage,
  type DescMethod,
  getOption,
  hasOption,
} from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel as Idempotency } from "@bufbuild/protobuf/wkt";
import { type HttpRule, HttpRuleSchema } from "../../gen/google/api/http_pb.ts";
import { resource } from "../../gen/google/api/resource_pb.ts";
import { fieldNamed } from "./field-path.ts";
import { fieldTextOf } from "./field-text.ts";

/** The rule that convention gives a method. `createBindings` makes its bindings. */
export function standardRule(method: DescMethod): HttpRule {
  const words = wordsOf(method.name);
  // BatchGetOrders: the verb is of two words (AIP-231).
  const verbs = words[0] === "Batch" && words.length > 2 ? 2 : 1;
  const [verb, noun] = [camel(words.slice(0, verbs)), words.slice(verbs)];
  const version = versionOf(method.parent.file.proto.package);
  const takesStream = method.methodKind === "client_streaming" || method.methodKind === "bidi_streaming";
  const standard = noun.length === 0 || takesStream ? undefined : STANDARD.get(verb)?.(method, noun, version);
  return create(HttpRuleSchema, standard ?? customRule(method, verb, noun, version));
}

interface Rule {
  readonly pattern: { readonly case: "get" | "post" | "patch" | "delete"; readonly value: string };
  readonly body?: string;
}

/** Undefined where the request is not what the standard method's is. */
type Standard = (method: DescMethod, noun: readonly string[], version: string) => Rule | undefined;

const STANDARD: ReadonlyMap<string, Standard> = new Map<string, Standard>([
  ["get", (method, noun, version) => memberRule("get", version, memberPath(method, method.output, noun, ""))],
  [
    "delete",
    (method, noun, version) => memberRule("delete", version, memberPath(method, undefined, noun, "")),
  ],
  [
    "list",
    (method, noun, version) => ({
      pattern: { case: "get", value: `${version}${collectionPath(method, noun, camel(noun))}` },
    }),
  ],
  [
    "create",
    (method, noun, version) => ({
      pattern: { case: "post", value: `${version}${collectionPath(method, noun, plural(noun))}` },
      body: ownField(method, noun)?.name ?? "*",
    }),
  ],
  [
    "update",
    (method, noun, version) => {
      const own = ownField(method, noun);
      const inside = own && memberPath(method, method.output, noun, `${own.name}.`);
      const path = inside ?? memberPath(method, method.output, noun, "");
      return memberRule("patch", version, path, own?.name ?? "*");
    },
  ],
]);

function memberRule(
  httpMethod: "get" | "patch" | "delete",
  version: string,
  path: string | undefined,
  body?: string,
): Rule | undefined {
  if (path === undefined) return undefined;
  return {
    pattern: { case: httpMethod, value: `${version}${path}` },
    ...(body === undefined ? {} : { body }),
  };
}

/** A verb on one resource, on its collection, or, for a method that is but a verb, on the service. */
function customRule(method: DescMethod, verb: string, noun: readonly string[], version: string): Rule {
  const path =
    noun.length === 0
      ? `/${camel(serviceWords(method))}`
      : (memberPath(method, undefined, noun, "") ?? collectionPath(method, noun, plural(noun)));
  const value = `${version}${path}:${verb}`;
  // What changes nothing is read, if its request fits a query.
  const isRead =
    method.idempotency === Idempotency.NO_SIDE_EFFECTS &&
    (method.methodKind === "unary" || method.methodKind === "server_streaming");
  return isRead && method.input.fields.every((field) => fitsQuery(field))
    ? { pattern: { case: "get", value } }
    : { pattern: { case: "post", value }, body: "*" };
}

/**
 * `/{name=orders/*}` or `/orders/{order_id}`; undefined when the request names no resource. `prefix` leads to the
 * message within the request that holds its name.
 */
function memberPath(
  { input }: DescMethod,
  output: DescMessage | undefined,
  noun: readonly string[],
  prefix: string,
): string | undefined {
  const holder = prefix === "" ? input : input.fields.find(({ name }) => `${name}.` === prefix)?.message;
  if (holder === undefined) return undefined;
  const collection = plural(noun);
  const name = textField(holder, "name");
  const id = textField(holder, `${noun.join("_").toLowerCase()}_id`) ?? textField(holder, "id");
  const pattern = patternOf(prefix === "" ? output : holder) ?? resourcePatternNamed(input, noun);
  if (name !== undefined && (pattern !== undefined || id === undefined))
    return `/{${prefix}name=${pattern ?? `${collection}/*`}}`;
  return id && `/${collection}/{${prefix}${id.name}}`;
}

/** `/orders`, or `/{parent=shops/*}/orders` where the request has a parent. */
function collectionPath({ input, output }: DescMethod, noun: readonly string[], collection: string): string {
  if (textField(input, "parent") === undefined) return `/${collection}`;
  const pattern =
    patternOf(output) ??
    output.fields
      .map((field) => (field.fieldKind === "list" ? patternOf(field.message) : undefined))
      .find(Boolean) ??
    resourcePatternNamed(input, noun);
  const above = pattern?.split("/").slice(0, -2).join("/");
  return `/{parent=${above === undefined || above === "" ? "*/*" : above}}/${collection}`;
}

// publishers/{publisher}/books/{book} → publishers/*/books/*
function patternOf(desc: DescMessage | undefined): string | undefined {
  if (desc === undefined || !hasOption(desc, resource)) return undefined;
  const [first] = getOption(desc, resource).pattern;
  return first?.replace(/\{[^}]*\}/g, "*");
}

/** The pattern of the message, in the file of the request, that has the name of the noun. */
function resourcePatternNamed({ file }: DescMessage, noun: readonly string[]): string | undefined {
  const name = noun.join("");
  return patternOf(file.messages.find((each) => each.name === name || `${each.name}s` === name));
}

/** The field of the request that holds the resource: `order` of CreateOrder. */
function ownField({ input }: DescMethod, noun: readonly string[]): DescField | undefined {
  const field = fieldNamed(input, noun.join("_").toLowerCase());
  return field?.fieldKind === "message" ? field : undefined;
}

/** A single field of this name that a path can hold. */
function textField(desc: DescMessage, name: string): DescField | undefined {
  const field = desc.fields.find((each) => each.name === name);
  return field?.fieldKind === "scalar" && fieldTextOf(field) !== undefined ? field : undefined;
}

function fitsQuery(field: DescField, depth = 0): boolean {
  if (fieldTextOf(field) !== undefined) return true;
  if (field.fieldKind !== "message" || depth > 4 || field.message.fields.length === 0) return false;
  return field.message.fields.every((inner) => fitsQuery(inner, depth + 1));
}

/** The last part of a package that is a version: `shop.v1` → `/v1`. */
function versionOf(packageName: string): string {
  const last = packageName.split(".").at(-1) ?? "";
  return /^v\d+((alpha|beta)\d*)?$/.test(last) ? `/${last}` : "";
}

/** `PlaceHTTPOrder` → Place, HTTP, Order */
function wordsOf(name: string): readonly string[] {
  return name.match(/[A-Z]+(?![a-z])\d*|[A-Z]?[a-z]+\d*|\d+/g) ?? [name];
}

function serviceWords({ parent }: DescMethod): readonly string[] {
  const words = wordsOf(parent.name);
  return words.length > 1 && words.at(-1) === "Service" ? words.slice(0, -1) : words;
}

/** Collections are plural and in camel case (AIP-122). */
function plural(words: readonly string[]): string {
  const last = words.at(-1) ?? "";
  return camel([...words.slice(0, -1), pluralOf(last)]);
}

/** As English mostly has it; who needs another word writes the annotation. */
function pluralOf(word: string): string {
  if (/[^aeiou]y$/i.test(word)) return `${word.slice(0, -1)}ies`;
  if (/(ss|us|is|x|z|ch|sh)$/i.test(word)) return `${word}es`;
  return /s$/i.test(word) ? word : `${word}s`;
}

function camel(words: readonly string[]): string {
  return words
    .map((word) => word.toLowerCase())
    .map((word, i) => (i === 0 ? word : `${word.charAt(0).toUpperCase()}${word.slice(1)}`))
    .join("");
}
