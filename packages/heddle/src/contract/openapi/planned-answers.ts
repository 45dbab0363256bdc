/**
 * What OpenAPI says of an answer that has a plan (`contract/rest/answer-plan.ts`): its fields, the conditions that a request
 * may name, where its links lead.
 */
import type { DescField } from "@bufbuild/protobuf";
import { type AnswerPlan, PAGE_TOKEN } from "../rest/answer-plan.ts";
import type { Binding } from "../rest/binding.ts";
import type { LinkSource, LinkTarget } from "../rest/link-target.ts";
import type { Schema } from "./rule-keywords.ts";

/** How the document names an operation, and the parameters of its path in the order of the template. */
export interface OperationName {
  readonly operationId: string;
  /** Of each variable that is one parameter; undefined for one that is several. */
  readonly pathNames: ReadonlyMap<string, string>;
}

/** Undefined for a binding that is not in the document. */
export type NameOf = (binding: Binding) => OperationName | undefined;

/** The fields of an answer that went well. */
export function plannedHeaders(plan: AnswerPlan): Schema {
  const { always, cacheControl, isTarget, links, location, nextPage, tag } = plan;
  const told = (name: string) => always.some((each, i) => i % 2 === 0 && each === name);
  const texts = {
    ...(tag === undefined ? {} : { etag: "Entity tag of this state." }),
    ...(location === undefined ? {} : { location: "Where it is." }),
    ...(isTarget ? { "content-location": "What a GET of this path gives." } : {}),
    ...(links.length === 0 && nextPage === undefined && !told("link")
      ? {}
      : { link: "What else there is (RFC 8288)." }),
    ...(cacheControl === undefined ? {} : { "cache-control": `\`${cacheControl}\`` }),
    ...(told("deprecation") ? { deprecation: "Since when it is deprecated (RFC 9745)." } : {}),
    ...(told("sunset") ? { sunset: "When it stops to answer (RFC 8594)." } : {}),
  };
  return Object.fromEntries(
    Object.entries(texts).map(([name, description]) => [name, { description, schema: { type: "string" } }]),
  );
}

/** The conditions that a request may name. */
export function conditionParameters({ tag, wanted }: AnswerPlan, isRead: boolean): Schema[] {
  const parameter = (name: string, description: string, schema: Schema) => ({
    name,
    in: "header",
    description,
    schema,
    examples: { tag: { value: '"5"' } },
  });
  if (isRead && tag !== undefined)
    return [parameter("if-none-match", "Tags that the caller has: 304 instead of one of these.", TEXT)];
  if (wanted === undefined) return [];
  const pattern = wanted.repeated ? `^${TAG}(, ${TAG})*$` : `^${TAG}$`;
  const anyOf = [{ const: "*" }, { type: "string", pattern }];
  return [parameter("if-match", "The tag of the state that is meant: else 412.", { anyOf })];
}

const TEXT: Schema = { type: "string" };
/** RFC 9110 §8.8.3, strong and in ASCII. */
const TAG = '"[!#-~]*"';

/** Link Objects by name. Only those whose parameters an expression of OpenAPI can name. */
export function plannedLinks(own: Binding, plan: AnswerPlan, nameOf: NameOf): Schema {
  const links: Schema = {};
  const add = (name: string, link: Schema | undefined) => {
    if (link === undefined) return;
    const clean = name.replace(/[^\w.-]/g, "_");
    let free = clean;
    for (let i = 2; free in links; i++) free = `${clean}_${i}`;
    links[free] = link;
  };
  if (plan.location !== undefined) add("location", linkTo(own, plan.location, nameOf));
  for (const { rel, target } of plan.links) add(rel, linkTo(own, target, nameOf));
  const next = plan.nextPage && nextLink(own, plan.nextPage, nameOf);
  add("next", next);
  return links;
}

/** The form of `_links`. */
export const LINKS_SCHEMA: Schema = {
  type: "object",
  description: "What else there is, by relation (HAL).",
  additionalProperties: {
    anyOf: [
      { $ref: "#/components/schemas/Link" },
      { type: "array", items: { $ref: "#/components/schemas/Link" } },
    ],
  },
};

export const LINK_SCHEMA: Schema = {
  type: "object",
  properties: { href: { type: "string", format: "uri-reference" }, title: { type: "string" } },
  required: ["href"],
  additionalProperties: false,
};

function linkTo(own: Binding, { method }: LinkTarget, nameOf: NameOf): Schema | undefined {
  const named = method && nameOf(method.binding);
  if (method === undefined || named === undefined) return undefined;
  const parameters: Schema = {};
  for (const [name, source] of method.parameters) {
    const field = method.binding.variables.find((variable) => variable.name === name);
    const parameter = field === undefined ? queryName(method.binding, name) : named.pathNames.get(name);
    const value = expressionOf(own, source, nameOf);
    if (parameter === undefined || value === undefined) return undefined;
    parameters[parameter] = value;
  }
  return { operationId: named.operationId, ...(method.parameters.size === 0 ? {} : { parameters }) };
}

function nextLink(own: Binding, nextPage: DescField, nameOf: NameOf): Schema | undefined {
  const named = nameOf(own);
  const value = bodyExpression(own, [nextPage]);
  if (named === undefined || value === undefined) return undefined;
  return { operationId: named.operationId, parameters: { [queryName(own, PAGE_TOKEN)]: value } };
}

/** As parameters of queries are called: `order.customerId`. */
function queryName({ method }: Binding, name: string): string {
  let desc: typeof method.input | undefined = method.input;
  return name
    .split(".")
    .map((part) => {
      const field: DescField | undefined = desc?.fields.find((each) => each.name === part);
      desc = field?.message;
      return field?.jsonName ?? part;
    })
    .join(".");
}

/** OpenAPI 3.1 §4.8.20.3, runtime expressions. */
function expressionOf(own: Binding, { side, path }: LinkSource, nameOf: NameOf): string | undefined {
  if (side === "answer") return bodyExpression(own, path);
  const name = path.map((field) => field.name).join(".");
  const isInPath = own.variables.some((variable) => variable.name === name);
  if (!isInPath) return `$request.query.${queryName(own, name)}`;
  const parameter = nameOf(own)?.pathNames.get(name);
  return parameter === undefined ? undefined : `$request.path.${parameter}`;
}

/** A place in the body; undefined for a field that does not stand there. */
function bodyExpression({ responseBody }: Binding, path: readonly DescField[]): string | undefined {
  if (responseBody !== undefined && path[0] !== responseBody) return undefined;
  const inBody = responseBody === undefined ? path : path.slice(1);
  return `$response.body#${inBody.map(({ jsonName }) => `/${jsonName}`).join("")}`;
}
