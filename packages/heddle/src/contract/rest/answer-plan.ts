/**
 * What HTTP says of the answers of a binding besides their body, worked out once from the options of its method
 * (`heddle/options/v1/http.proto`): fields that are always the same as they are sent, and where the others come from. Most
 * bindings have no plan, and cost nothing.
 *
 * An option that cannot be kept is an error at the start, with the method and the reason.
 */
import { type DescField, getOption, hasOption } from "@bufbuild/protobuf";
import { HeddleError, reasonText } from "../../call/errors.ts";
import type { Fields } from "../../call/metadata.ts";
import { type Caching, type Link, type RestAnswer, rest } from "../../gen/heddle/options/v1/http_pb.ts";
import type { Binding } from "./binding.ts";
import { deprecationFields } from "./deprecation-fields.ts";
import { type TagField, tagOfAnswer, tagOfRequest } from "./entity-tag-field.ts";
import { fieldNamed } from "./field-path.ts";
import { answersRaw } from "./http-body.ts";
import { createLinkTarget, type LinkTarget, type ServedBindings } from "./link-target.ts";
import { queryField } from "./query-fields.ts";

export interface AnswerPlan {
  /** Of every answer, errors too: deprecation. */
  readonly always: Fields;
  /** `cache-control` of answers that went well; undefined for no word. */
  readonly cacheControl: string | undefined;
  /** Names of fields of the request that the answer depends on, besides `accept-encoding`. */
  readonly vary: readonly string[];
  /** Where the entity tag comes from: a field, or `bytes` of the body. */
  readonly tag: TagField | "bytes" | undefined;
  /** What it answers or changes has a tag by its contract, so a condition is kept or refused, and not ignored. */
  readonly isTagged: boolean;
  /** The answer is what a GET of the same path would give now: `content-location` says so. */
  readonly isTarget: boolean;
  /** Which field of the request gets the tag of `if-match`, of methods that change something. */
  readonly wanted: TagField | undefined;
  /** 201, while it has one. */
  readonly location: LinkTarget | undefined;
  readonly links: readonly PlannedLink[];
  /** The field of the answer that says where the next page begins. */
  readonly nextPage: DescField | undefined;
  /** Whether `_links` may stand in the body. */
  readonly hal: boolean;
}

export interface PlannedLink {
  readonly rel: string;
  readonly title: string;
  readonly target: LinkTarget;
}

/** Of those that have one. Throws `httpRuleInvalid`. */
export function createAnswerPlans(bindings: readonly Binding[]): ReadonlyMap<Binding, AnswerPlan> {
  const served = new Map<string, Binding[]>();
  for (const binding of bindings) {
    const name = `${binding.method.parent.typeName}.${binding.method.name}`;
    const known = served.get(name);
    if (known === undefined) served.set(name, [binding]);
    else known.push(binding);
  }
  const plans = new Map<Binding, AnswerPlan>();
  for (const ofMethod of served.values()) {
    for (const binding of ofMethod) {
      const { method } = binding;
      try {
        const options = hasOption(method, rest) ? getOption(method, rest) : undefined;
        if (options !== undefined) checkKinds(options, ofMethod);
        const plan = createPlan(binding, options, served);
        if (plan !== undefined) plans.set(binding, plan);
      } catch (error) {
        const params = { method: `${method.parent.typeName}/${method.name}`, reason: reasonText(error) };
        throw new HeddleError("httpRuleInvalid", params, { cause: error });
      }
    }
  }
  return plans;
}

/** What an option asks for must be possible for one of the method's bindings. */
function checkKinds(
  { computedEtag, location, cache, links, deprecation }: RestAnswer,
  bindings: readonly Binding[],
): void {
  const [first] = bindings;
  const isStream = first?.method.methodKind !== "unary";
  const has = (name: string) => bindings.some(({ httpMethod }) => httpMethod === name || httpMethod === "*");
  if (isStream && (computedEtag || location !== "" || cache || links.length > 0 || deprecation?.successor))
    throw new Error("rest: etag, location, cache and links are of one answer, and it streams");
  if (computedEtag && !has("GET")) throw new Error("rest.computed_etag is for a GET");
  if (cache !== undefined && !has("GET")) throw new Error("rest.cache is for a GET");
  if (location !== "" && !has("POST")) throw new Error("rest.location is for a POST");
}

function createPlan(
  binding: Binding,
  options: RestAnswer | undefined,
  served: ServedBindings,
): AnswerPlan | undefined {
  const { httpMethod, method } = binding;
  const isRead = httpMethod === "GET" || httpMethod === "HEAD";
  const tagField = tagOfAnswer(binding);
  if (tagField !== undefined && options?.computedEtag === true)
    throw new Error(`rest.computed_etag: the field ${tagField.path.at(-1)?.name} is the tag`);
  const isTarget = changes.has(httpMethod) && tagField !== undefined && hasGet(binding, served);
  // RFC 9110 §9.3.4: the answer of a PUT has a tag only if it stands for what is there now.
  const ownTag = httpMethod === "PUT" && !isTarget ? undefined : tagField;
  const tag = ownTag ?? (options?.computedEtag === true && isRead ? "bytes" : undefined);
  const location = locationOf(binding, options?.location ?? "", served);
  const wanted = isRead || location !== undefined ? undefined : tagOfRequest(method);
  const links = (options?.links ?? []).flatMap((link) => plannedLink(binding, link, served));
  const { deprecation } = options ?? {};
  if (deprecation !== undefined && deprecation.successor !== "") {
    const successor = { rel: "successor-version", target: deprecation.successor, fields: {}, title: "" };
    links.push(...plannedLink(binding, successor, served));
  }
  const nextPage = links.some(({ rel }) => rel === "next") ? undefined : nextPageOf(binding);
  const always = deprecation === undefined ? [] : deprecationFields(deprecation);
  const cache = isRead ? options?.cache : undefined;
  const cacheControl = cache === undefined ? undefined : cacheControlOf(cache);
  const parts = [tag, wanted, location, nextPage, cacheControl].some((part) => part !== undefined);
  const isTagged = tagField !== undefined || wanted !== undefined;
  if (!parts && !isTagged && links.length === 0 && always.length === 0 && !cache?.vary.length)
    return undefined;
  const hal = (links.length > 0 || nextPage !== undefined) && hasObject(binding);
  return {
    always,
    cacheControl: cacheControl ?? (isRead && tag !== undefined ? "no-cache" : undefined),
    vary: [...(hal ? ["accept"] : []), ...(cache?.vary ?? []).map((name) => checkName(name))],
    tag,
    isTagged,
    isTarget,
    wanted,
    location,
    links,
    nextPage,
    hal,
  };
}

const changes: ReadonlySet<string> = new Set(["PUT", "PATCH"]);

/** Whether a GET of the same path gives the same message. */
function hasGet({ method, responseBody, template }: Binding, served: ServedBindings): boolean {
  const shape = ({ segments, verb }: Binding["template"]) => JSON.stringify([segments, verb]);
  const body = responseBody?.message ?? method.output;
  return [...served.values()].flat().some((other) => {
    const isSame = other.httpMethod === "GET" && shape(other.template) === shape(template);
    return isSame && (other.responseBody?.message ?? other.method.output) === body;
  });
}

function plannedLink(
  binding: Binding,
  { rel, target, fields, title }: Omit<Link, "$typeName">,
  served: ServedBindings,
): PlannedLink[] {
  if (!RELATION.test(rel) && !URL.canParse(rel)) throw new Error(`links: "${rel}" is no relation and no URL`);
  if (/[^\x21-\x7e]|[<>"\\]/.test(rel)) throw new Error(`links: "${rel}" cannot stand in a field of HTTP`);
  try {
    const made = createLinkTarget(binding, { target, fields }, served);
    return made === undefined ? [] : [{ rel, title, target: made }];
  } catch (error) {
    throw new Error(`links: rel "${rel}": ${reasonText(error)}`, { cause: error });
  }
}

/** RFC 8288 §3.3 */
const RELATION = /^[a-z][a-z0-9.-]*$/;

function locationOf(binding: Binding, target: string, served: ServedBindings): LinkTarget | undefined {
  if (target === "" || binding.httpMethod !== "POST") return undefined;
  try {
    if (target.includes(":") && !target.startsWith("/"))
      throw new Error("what is made is here, so it has no URL");
    const made = createLinkTarget(binding, { target, fields: {} }, served);
    if (made === undefined) throw new Error(`${target} is not served here`);
    if (made.fixed) throw new Error(`${target} leads to the same place for everything that is made`);
    return made;
  } catch (error) {
    throw new Error(`rest.location: ${reasonText(error)}`, { cause: error });
  }
}

/** AIP-158 */
function nextPageOf(binding: Binding): DescField | undefined {
  const { httpMethod, method } = binding;
  if (httpMethod !== "GET" || method.methodKind !== "unary") return undefined;
  const next = fieldNamed(method.output, "next_page_token");
  const asked = fieldNamed(method.input, PAGE_TOKEN);
  if (next?.fieldKind !== "scalar" || asked?.fieldKind !== "scalar" || next.scalar !== asked.scalar)
    return undefined;
  return typeof queryField(binding, PAGE_TOKEN) === "string" ? undefined : next;
}

export const PAGE_TOKEN = "page_token";

function cacheControlOf(cache: Caching): string | undefined {
  const { maxAgeSeconds, public: isPublic, noStore, immutable, staleWhileRevalidateSeconds } = cache;
  if (noStore) {
    if (maxAgeSeconds > 0 || isPublic || immutable || staleWhileRevalidateSeconds > 0)
      throw new Error("rest.cache: no_store, and yet something that may be kept");
    return "no-store";
  }
  if (immutable && maxAgeSeconds === 0)
    throw new Error("rest.cache: immutable while it is fresh, but max_age_seconds is 0");
  return [
    isPublic ? "public" : "private",
    maxAgeSeconds === 0 ? "no-cache" : `max-age=${maxAgeSeconds}`,
    ...(immutable ? ["immutable"] : []),
    ...(staleWhileRevalidateSeconds > 0 ? [`stale-while-revalidate=${staleWhileRevalidateSeconds}`] : []),
  ].join(", ");
}

function checkName(name: string): string {
  if (!/^[A-Za-z][A-Za-z0-9-]*$/.test(name))
    throw new Error(`rest.cache: vary "${name}" is no name of a field`);
  return name.toLowerCase();
}

/** Whether the body is a JSON object with the fields of a message, and room for one more. */
function hasObject(binding: Binding): boolean {
  if (answersRaw(binding)) return false;
  const { method, responseBody } = binding;
  const desc =
    responseBody === undefined
      ? method.output
      : responseBody.fieldKind === "message"
        ? responseBody.message
        : undefined;
  if (desc === undefined || desc.typeName.startsWith("google.protobuf.")) return false;
  return !desc.fields.some(({ jsonName }) => jsonName === "_links");
}
