/**
 * What a field of a config may hold, as data: checking and the reference page read the same table, so neither can say
 * something that the other does not hold.
 */
export interface Field {
  readonly is: Kind;
  /** One sentence. */
  readonly does: string;
  /** What holds when it is absent, in words. */
  readonly otherwise: string;
  /** The same field of gRPC's service config; absent where gRPC has none. */
  readonly grpc?: string;
  /** Must be there. Default false. */
  readonly required?: boolean;
}

export type Fields = Readonly<Record<string, Field>>;

export type Kind =
  | NumberKind
  | { readonly kind: "boolean" }
  | { readonly kind: "text" }
  /** One of these words. */
  | { readonly kind: "word"; readonly words: readonly string[] }
  /** gRPC's name of a status, or its number. */
  | { readonly kind: "code" }
  | { readonly kind: "list"; readonly of: Kind; readonly atLeast?: number }
  | { readonly kind: "object"; readonly fields: Fields; readonly bounds?: BoundsPair }
  /** `false`, or the other. */
  | { readonly kind: "optional"; readonly of: Kind }
  /** A number, or one of these words. */
  | { readonly kind: "number or word"; readonly number: NumberKind; readonly words: readonly string[] }
  /** The name of one of these, or an object with that name alone and its settings. */
  | { readonly kind: "choice"; readonly of: Readonly<Record<string, Fields>> };

/** Two numbers of one object, of which the first may not be the larger one. */
export interface BoundsPair {
  readonly least: string;
  readonly most: string;
  /** What they are when they are absent. */
  readonly otherwise: readonly [least: number, most: number];
}

export interface NumberKind {
  readonly kind: "number";
  readonly unit: "ms" | "bytes" | "calls" | "attempts" | "share" | "percent" | "tokens" | "instances" | "";
  /** The smallest, and with `above` the largest that is too small. */
  readonly min: number;
  readonly max: number;
  readonly above?: boolean;
  readonly whole?: boolean;
  readonly prime?: boolean;
}

type NumberOptions = Partial<Omit<NumberKind, "kind" | "unit">>;

export const number = (unit: NumberKind["unit"], options: NumberOptions = {}): NumberKind => ({
  kind: "number",
  unit,
  min: 0,
  max: Number.MAX_SAFE_INTEGER,
  ...options,
});

/** A time of up to thirty days. */
export const duration = (options: NumberOptions = {}): NumberKind =>
  number("ms", { max: 30 * 24 * 3_600_000, ...options });

export const whole = (unit: NumberKind["unit"], min: number, max: number): NumberKind =>
  number(unit, { min, max, whole: true });

/** How a kind is called in texts, such as "a number of ms from 1 to 5". */
export function describeKind(is: Kind): string {
  switch (is.kind) {
    case "number": {
      const what = `a ${is.prime === true ? "prime " : is.whole === true ? "whole " : ""}number${is.unit === "" ? "" : ` (${is.unit})`}`;
      const low = is.above === true ? `more than ${is.min}` : `${is.min} or more`;
      if (is.max === Number.MAX_SAFE_INTEGER) return `${what}, ${low}`;
      return is.above === true
        ? `${what}, ${low} and at most ${is.max}`
        : `${what} from ${is.min} to ${is.max}`;
    }
    case "boolean":
      return "true or false";
    case "text":
      return "a text";
    case "word":
      return `one of ${is.words.join(", ")}`;
    case "code":
      return "a status code by name, such as UNAVAILABLE, or number";
    case "list":
      return `a list${is.atLeast === undefined ? "" : ` of at least ${is.atLeast}`}`;
    case "object":
      return "an object";
    case "optional":
      return `${describeKind(is.of)} or false`;
    case "number or word":
      return `${describeKind(is.number)}, or ${is.words.join(", ")}`;
    case "choice":
      return `one of ${Object.keys(is.of).join(", ")}, alone or with settings`;
  }
}
