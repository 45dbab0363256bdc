/**
 * From method and path of an HTTP request to the binding that answers it: a tree of segments, walked so that what is
 * more specific wins. In each segment a literal goes before `*`, and that before `**`; with a verb goes before without.
 * A request visits each node of the tree once at most, whatever its path is.
 *
 * Two bindings that no request could tell apart are an error when the router is made.
 */
import { HeddleError } from "../../call/errors.ts";
import type { Binding } from "./binding.ts";
import { hasDots, type PathSegment } from "./path-template.ts";
import { decodeText } from "./path-text.ts";

export type RouteResult =
  | { readonly kind: "found"; readonly binding: Binding; readonly captured: readonly string[] }
  /** Nobody answers the path: 404. */
  | { readonly kind: "unknown" }
  /** The path is there, not for this method: 405. `allowed` are those that it has, sorted, HEAD among them with GET. */
  | { readonly kind: "method"; readonly allowed: readonly string[] }
  /** No path at all: 400. */
  | { readonly kind: "malformed"; readonly reason: string };

export interface BindingRouter {
  readonly bindings: readonly Binding[];
  /**
   * `path` as it stands in the request, without its query. What was captured stands in the order of the binding's
   * variables, still percent-encoded. A HEAD that has no binding of its own is answered by that of GET.
   */
  find(httpMethod: string, path: string): RouteResult;
}

/** Throws `httpRuleInvalid` for two bindings that match the same requests. */
export function createBindingRouter(bindings: Iterable<Binding>): BindingRouter {
  const all = [...bindings];
  const root = newNode();
  const verbs = new Set<string>();
  for (const binding of all) add(root, verbs, binding);
  return { bindings: all, find: (httpMethod, path) => find(root, verbs, httpMethod, path) };
}

interface Node {
  readonly literals: Map<string, Node>;
  one: Node | undefined;
  rest: Node | undefined;
  /** What ends here: verb (empty for none) → HTTP method → binding. */
  readonly ends: Map<string, Map<string, Binding>>;
}

function newNode(): Node {
  return { literals: new Map(), one: undefined, rest: undefined, ends: new Map() };
}

function add(root: Node, verbs: Set<string>, binding: Binding): void {
  const { segments, verb } = binding.template;
  let node = root;
  for (const segment of segments) node = step(node, segment);
  if (verb !== undefined) verbs.add(verb);
  const ending = verb ?? "";
  let methods = node.ends.get(ending);
  if (methods === undefined) {
    methods = new Map();
    node.ends.set(ending, methods);
  }
  const other = methods.get(binding.httpMethod);
  if (other !== undefined)
    throw new HeddleError("httpRuleInvalid", {
      method: nameOf(binding),
      reason: `${shown(binding)} matches the same requests as ${shown(other)} of ${nameOf(other)}`,
    });
  methods.set(binding.httpMethod, binding);
}

function step(node: Node, segment: PathSegment): Node {
  if (segment.kind !== "literal") return (node[segment.kind] ??= newNode());
  let next = node.literals.get(segment.text);
  if (next === undefined) {
    next = newNode();
    node.literals.set(segment.text, next);
  }
  return next;
}

function find(root: Node, verbs: ReadonlySet<string>, httpMethod: string, path: string): RouteResult {
  if (!path.startsWith("/")) return { kind: "malformed", reason: "a path begins with a slash" };
  const search = new Search(httpMethod, path.slice(1).split("/"));
  if (search.malformed !== undefined) return { kind: "malformed", reason: search.malformed };
  const last = search.raw.at(-1) as string;
  const colon = last.lastIndexOf(":");
  const verb = colon === -1 ? undefined : decodeText(last.slice(colon + 1));
  let found =
    verb !== undefined && verbs.has(verb) ? search.run(root, verb, last.slice(0, colon)) : undefined;
  if (found === undefined && search.allowed === undefined) found = search.run(root, "", last);
  if (found !== undefined) return { kind: "found", binding: found, captured: search.capture(found) };
  return search.allowed === undefined
    ? { kind: "unknown" }
    : { kind: "method", allowed: [...search.allowed].toSorted() };
}

/** One request on its way through the tree. */
class Search {
  readonly raw: string[];
  /** Why the path is none. */
  readonly malformed: string | undefined;
  /** The methods of the bindings that the path leads to. */
  allowed: Set<string> | undefined = undefined;
  readonly #method: string;
  readonly #decoded: string[] = [];
  #verb = "";

  constructor(httpMethod: string, raw: string[]) {
    this.#method = httpMethod;
    this.raw = raw;
    for (const segment of raw) {
      const text = decodeText(segment);
      if (text === undefined) this.malformed = "it is not percent-encoded UTF-8";
      // What resolves dots on the way, or behind us, takes them for another path.
      else if (hasDots(text)) this.malformed = "a segment of dots alone stands for another path";
      this.#decoded.push(text ?? "");
    }
  }

  /** The binding, for a path whose last segment is `last` and whose verb is `verb`. */
  run(root: Node, verb: string, last: string): Binding | undefined {
    this.#verb = verb;
    this.raw[this.raw.length - 1] = last;
    this.#decoded[this.raw.length - 1] = decodeText(last) ?? "";
    return this.#walk(root, 0);
  }

  capture({ variables, template }: Binding): string[] {
    // What captures the last segment has all that is left: it may be a `**`.
    return variables.map(({ start, end }) =>
      this.raw.slice(start, end === template.segments.length ? undefined : end).join("/"),
    );
  }

  #walk(node: Node, at: number): Binding | undefined {
    if (at === this.raw.length) return this.#end(node) ?? (node.rest && this.#end(node.rest));
    const text = this.#decoded[at] as string;
    const literal = node.literals.get(text);
    return (
      (literal && this.#walk(literal, at + 1)) ??
      // An empty segment is nothing's name.
      (node.one && text !== "" ? this.#walk(node.one, at + 1) : undefined) ??
      (node.rest && this.#mayBeRest(at) ? this.#end(node.rest) : undefined)
    );
  }

  /** A variable never captures a slash in front. */
  #mayBeRest(at: number): boolean {
    return this.#decoded[at] !== "" || at === this.raw.length - 1;
  }

  #end(node: Node): Binding | undefined {
    const methods = node.ends.get(this.#verb);
    if (methods === undefined) return undefined;
    const binding =
      methods.get(this.#method) ??
      (this.#method === "HEAD" ? methods.get("GET") : undefined) ??
      // What a path has is asked of the server, and not of a handler.
      (this.#method === "OPTIONS" ? undefined : methods.get("*"));
    if (binding === undefined) {
      this.allowed ??= new Set();
      for (const name of methods.keys()) {
        for (const each of name === "*" ? ANY_METHOD : [name]) this.allowed.add(each);
      }
      if (methods.has("GET")) this.allowed.add("HEAD");
      return undefined;
    }
    return binding;
  }
}

/** What a binding for any method is said to allow. */
export const ANY_METHOD: readonly string[] = ["DELETE", "GET", "HEAD", "PATCH", "POST", "PUT"];

function shown({ httpMethod, template }: Binding): string {
  return `${httpMethod} ${template.text}`;
}

function nameOf({ method }: Binding): string {
  return `${method.parent.typeName}/${method.name}`;
}
