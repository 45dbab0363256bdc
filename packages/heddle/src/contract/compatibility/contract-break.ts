/**
 * One change of a contract that breaks somebody, and the rules by which it does. Rules that `buf breaking` has too have its
 * names, so that its documentation explains them; those about plain HTTP begin with `REST_`.
 * Source: https://buf.build/docs/breaking/rules
 */
import type { Place } from "./source-places.ts";

/**
 * - `wire`: messages and calls in Protobuf's binary form (gRPC, gRPC-Web, Connect)
 * - `json`: the same in ProtoJSON (Connect and gRPC with JSON)
 * - `source`: programs that are built with generated code
 * - `rest`: requests and answers over plain HTTP, by `google.api.http`
 */
export type Broken = "wire" | "json" | "source" | "rest";

/** All, in the order in which they are shown. */
export const BROKEN: readonly Broken[] = ["wire", "json", "source", "rest"];

/** What a program must use for the change to be its problem. */
export type Touched =
  | { readonly kind: "method"; readonly method: string }
  /** All methods of the service. */
  | { readonly kind: "service"; readonly service: string }
  | { readonly kind: "field"; readonly field: string }
  /** Any field of the message. */
  | { readonly kind: "message"; readonly message: string }
  /** Fields that hold the enum. */
  | { readonly kind: "enum"; readonly enum: string }
  /** No running program. */
  | { readonly kind: "none" };

/**
 * Which running callers notice without being built anew: those that use what is touched, those of them that speak JSON, those
 * that speak plain HTTP, or nobody.
 */
export type Noticed = "all" | "json" | "rest" | "none";

export interface ContractBreak {
  /** Full name: `shop.v1.Order.legacy_code`, `shop.v1.OrderService/PlaceOrder`; of a file its path. */
  readonly name: string;
  /** A sentence without its full stop. */
  readonly what: string;
  readonly broken: readonly Broken[];
  readonly rules: readonly RuleName[];
  readonly touched: Touched;
  readonly noticed: Noticed;
  /** In the new contract: of the part, or of what it stood in. Undefined when its sources are not known. */
  readonly place: Place | undefined;
  /** In the old one. */
  readonly was: Place | undefined;
}

const FILE_RULE = ["source"] as const;
const JSON_RULE = ["json", "source"] as const;
const WIRE_RULE = ["wire", "json", "source"] as const;
const REST_RULE = ["rest"] as const;

/** Rule → whom it is about. */
export const RULES = {
  FILE_NO_DELETE: FILE_RULE,
  FILE_SAME_PACKAGE: WIRE_RULE,
  FILE_SAME_SYNTAX: FILE_RULE,
  FILE_SAME_CC_ENABLE_ARENAS: FILE_RULE,
  FILE_SAME_CC_GENERIC_SERVICES: FILE_RULE,
  FILE_SAME_CSHARP_NAMESPACE: FILE_RULE,
  FILE_SAME_GO_PACKAGE: FILE_RULE,
  FILE_SAME_JAVA_GENERIC_SERVICES: FILE_RULE,
  FILE_SAME_JAVA_MULTIPLE_FILES: FILE_RULE,
  FILE_SAME_JAVA_OUTER_CLASSNAME: FILE_RULE,
  FILE_SAME_JAVA_PACKAGE: FILE_RULE,
  FILE_SAME_OBJC_CLASS_PREFIX: FILE_RULE,
  FILE_SAME_OPTIMIZE_FOR: FILE_RULE,
  FILE_SAME_PHP_CLASS_PREFIX: FILE_RULE,
  FILE_SAME_PHP_METADATA_NAMESPACE: FILE_RULE,
  FILE_SAME_PHP_NAMESPACE: FILE_RULE,
  FILE_SAME_PY_GENERIC_SERVICES: FILE_RULE,
  FILE_SAME_RUBY_PACKAGE: FILE_RULE,
  FILE_SAME_SWIFT_PREFIX: FILE_RULE,
  MESSAGE_NO_DELETE: FILE_RULE,
  ENUM_NO_DELETE: FILE_RULE,
  SERVICE_NO_DELETE: FILE_RULE,
  EXTENSION_NO_DELETE: FILE_RULE,
  ONEOF_NO_DELETE: FILE_RULE,
  RPC_NO_DELETE: FILE_RULE,
  RPC_SAME_REQUEST_TYPE: WIRE_RULE,
  RPC_SAME_RESPONSE_TYPE: WIRE_RULE,
  RPC_SAME_CLIENT_STREAMING: WIRE_RULE,
  RPC_SAME_SERVER_STREAMING: WIRE_RULE,
  RPC_SAME_IDEMPOTENCY_LEVEL: WIRE_RULE,
  ENUM_SAME_TYPE: FILE_RULE,
  ENUM_VALUE_NO_DELETE: FILE_RULE,
  ENUM_VALUE_NO_DELETE_UNLESS_NAME_RESERVED: ["json"],
  ENUM_VALUE_NO_DELETE_UNLESS_NUMBER_RESERVED: ["wire", "json"],
  ENUM_VALUE_SAME_NAME: JSON_RULE,
  RESERVED_ENUM_NO_DELETE: WIRE_RULE,
  RESERVED_MESSAGE_NO_DELETE: WIRE_RULE,
  MESSAGE_SAME_REQUIRED_FIELDS: WIRE_RULE,
  FIELD_NO_DELETE: FILE_RULE,
  FIELD_NO_DELETE_UNLESS_NAME_RESERVED: ["json"],
  FIELD_NO_DELETE_UNLESS_NUMBER_RESERVED: ["wire", "json"],
  FIELD_SAME_NAME: JSON_RULE,
  FIELD_SAME_JSON_NAME: JSON_RULE,
  FIELD_SAME_ONEOF: WIRE_RULE,
  FIELD_SAME_DEFAULT: WIRE_RULE,
  FIELD_SAME_TYPE: FILE_RULE,
  FIELD_WIRE_COMPATIBLE_TYPE: ["wire"],
  FIELD_WIRE_JSON_COMPATIBLE_TYPE: ["json"],
  FIELD_SAME_CARDINALITY: FILE_RULE,
  FIELD_WIRE_COMPATIBLE_CARDINALITY: ["wire"],
  FIELD_WIRE_JSON_COMPATIBLE_CARDINALITY: ["json"],
  FIELD_SAME_JSTYPE: FILE_RULE,
  FIELD_SAME_UTF8_VALIDATION: FILE_RULE,
  /** What a method and a path asked for is no longer answered, or by another method. */
  REST_BINDING_NO_DELETE: REST_RULE,
  REST_BINDING_SAME_METHOD: REST_RULE,
  REST_SAME_PATH_VARIABLE: REST_RULE,
  REST_SAME_BODY: REST_RULE,
  REST_SAME_RESPONSE_BODY: REST_RULE,
  REST_SAME_STATUS: REST_RULE,
} as const satisfies Readonly<Record<string, readonly Broken[]>>;

export type RuleName = keyof typeof RULES;

/** Whom the rules are about, together with others, each once and in order. */
export function brokenBy(rules: readonly RuleName[], others: readonly Broken[] = []): readonly Broken[] {
  const all = new Set<Broken>([...others, ...rules.flatMap((rule): readonly Broken[] => RULES[rule])]);
  return BROKEN.filter((one) => all.has(one));
}

/** Who notices, where nothing else is known: what breaks the wire all, what breaks JSON those that speak it. */
export function noticedBy(broken: readonly Broken[]): Noticed {
  if (broken.includes("wire")) return "all";
  if (broken.includes("json")) return "json";
  return broken.includes("rest") ? "rest" : "none";
}
