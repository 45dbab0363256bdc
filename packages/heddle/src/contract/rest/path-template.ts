/**
 * The paths of `google.api.http`: literals, `*` for one segment, `**` for all that follow, variables that capture what
 * some of these match, and a verb behind the last colon.
 *
 *     Template = "/" Segments [ ":" Verb ]
 *     Segment  = "*" | "**" | Literal | "{" FieldPath [ "=" Segments ] "}"
 *
 * Source: https://github.com/googleapis/googleapis/blob/master/google/api/http.proto
 */
import { decodeText } from "./path-text.ts";

export interface PathTemplate {
  /** As it was written. */
  readonly text: string;
  readonly segments: readonly PathSegment[];
  readonly variables: readonly PathVariable[];
  /** Decoded, without its colon. */
  readonly verb: string | undefined;
}

export type PathSegment =
  /** `text` is decoded. */
  | { readonly kind: "literal"; readonly text: string }
  /** `*` */
  | { readonly kind: "one" }
  /** `**`: the last one always. */
  | { readonly kind: "rest" };

export interface PathVariable {
  /** Such as `order.id`. */
  readonly name: string;
  /** It captures segments[start, end). */
  readonly start: number;
  readonly end: number;
  /** It captures one segment, whatever is in it: a slash within its value travels as `%2F`. */
  readonly single: boolean;
}

/** Throws a SyntaxError that says what is wrong, and where. */
export function parsePathTemplate(text: string): PathTemplate {
  const reader = new TemplateReader(text);
  reader.take("/", "a path begins with a slash");
  reader.segments(undefined);
  const verb = reader.at(":") ? reader.verb() : undefined;
  if (!reader.ended) reader.fail("a slash, a colon or the end should stand here");
  const { parsed, variables } = reader;
  const rest = parsed.findIndex(({ kind }) => kind === "rest");
  if (rest !== -1 && rest !== parsed.length - 1)
    throw new SyntaxError(`${text}: ** takes all that follows, so nothing but a verb may stand behind it`);
  return { text, segments: parsed, variables, verb };
}

class TemplateReader {
  readonly parsed: PathSegment[] = [];
  readonly variables: PathVariable[] = [];
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get ended(): boolean {
    return this.#at === this.#text.length;
  }

  at(sign: string): boolean {
    return this.#text.startsWith(sign, this.#at);
  }

  take(sign: string, reason: string): void {
    if (!this.at(sign)) this.fail(reason);
    this.#at += sign.length;
  }

  fail(reason: string): never {
    throw new SyntaxError(`${this.#text}: ${reason} (at ${this.#at + 1})`);
  }

  /** `variable` is the one that they stand in. */
  segments(variable: string | undefined): void {
    this.#segment(variable);
    while (this.at("/")) {
      this.#at++;
      this.#segment(variable);
    }
  }

  verb(): string {
    this.#at++;
    return this.#literal("a verb");
  }

  #segment(variable: string | undefined): void {
    if (this.at("{")) this.#variable(variable);
    else if (this.at("**")) this.#wildcard("rest", 2);
    else if (this.at("*")) this.#wildcard("one", 1);
    else this.parsed.push({ kind: "literal", text: this.#literal("a segment") });
  }

  #wildcard(kind: "one" | "rest", length: number): void {
    this.#at += length;
    this.parsed.push({ kind });
  }

  #variable(outer: string | undefined): void {
    if (outer !== undefined) this.fail(`variable ${outer} holds another one`);
    this.#at++;
    const name = this.#match(FIELD_PATH) ?? this.fail("a variable is a field, or fields joined by dots");
    if (this.variables.some((other) => other.name === name)) this.fail(`variable ${name} is there twice`);
    const start = this.parsed.length;
    if (this.at("=")) {
      this.#at++;
      this.segments(name);
    } else this.parsed.push({ kind: "one" });
    this.take("}", `variable ${name} is not closed`);
    const end = this.parsed.length;
    const single = end - start === 1 && this.parsed[start]?.kind !== "rest";
    this.variables.push({ name, start, end, single });
  }

  #literal(what: string): string {
    const from = this.#at;
    const written =
      this.#match(LITERAL) ?? this.fail(`${what} is missing, or has a sign that is not percent-encoded`);
    const text = decodeText(written);
    if (text === undefined) {
      this.#at = from;
      return this.fail("percent signs should be followed by two hexadecimal digits, and be UTF-8 together");
    }
    if (hasDots(text)) this.fail(`"${text}" never arrives: clients resolve it`);
    return text;
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    this.#at += found?.length ?? 0;
    return found;
  }
}

/**
 * Whether a decoded path, or a piece of one, has a segment that RFC 3986 §5.2.4 takes out of it, so that on some ways it
 * means another one. A backslash divides segments for some who read it.
 */
export function hasDots(text: string): boolean {
  return DOTS.test(text);
}

const DOTS = /(?:^|[/\\])\.\.?(?:$|[/\\])/;

const FIELD_PATH = /[A-Za-z_]\w*(\.[A-Za-z_]\w*)*/y;

/** What RFC 3986 allows in a segment, without what has a meaning in a template. */
const LITERAL = /[\w\-.~!$&'()+,;=@%]+/y;
