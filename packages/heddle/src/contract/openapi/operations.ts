/**
 * One binding as an operation of OpenAPI: parameters of path and query, the body, what may come back. Each field of the request
 * has the place that the binding gives it.
 */
import type { DescField, DescMessage } from "@bufbuild/protobuf";
import type { AnswerPlan } from "../rest/answer-plan.ts";
import { type Binding, hasNoBody, streamsRequests } from "../rest/binding.ts";
import { fieldTextOf } from "../rest/field-text.ts";
import { rawBodyOf } from "../rest/http-body.ts";
import { PROBLEM_TYPE } from "../rest/problem.ts";
import { isEntered } from "../rest/query-fields.ts";
import type { Comments } from "./comments.ts";
import { declaredResponses } from "./declared-responses.ts";
import type { OpenApiPath, PathParameter } from "./openapi-path.ts";
import { conditionParameters, type NameOf, plannedHeaders, plannedLinks } from "./planned-answers.ts";
import { keywordsOf, type Schema } from "./rule-keywords.ts";
import { reference, type Schemas } from "./schemas.ts";

export interface OperationParts {
  /** Of what comes back. */
  readonly schemas: Schemas;
  /** Of texts in path and query. */
  readonly texts: Schemas;
  /** Of bodies of requests. */
  readonly sent: Schemas;
  readonly comments: Comments;
  /** Unique in the document. */
  readonly operationId: string;
  readonly path: OpenApiPath;
  /** Names of the path's parameters, in their order, where another binding of the same shape has named them. */
  readonly pathNames: readonly string[];
  /** What its contract says of answers besides their body. */
  readonly plan: AnswerPlan | undefined;
  readonly nameOf: NameOf;
}

export function operationOf(binding: Binding, parts: OperationParts): Schema {
  const { method } = binding;
  const { comments, operationId, plan } = parts;
  const comment = comments.of(`${method.parent.typeName}.${method.name}`);
  const conditions = plan === undefined ? [] : conditionParameters(plan, isRead(binding));
  const parameters = [...pathParameters(parts), ...queryParameters(binding, parts), ...conditions];
  const isDeprecated = method.deprecated || method.parent.deprecated || plan?.always.includes("deprecation");
  const requestBody = streamsRequests(method) ? streamBodyOf(binding, parts) : bodyOf(binding, parts);
  return {
    operationId,
    tags: [method.parent.typeName],
    ...(comment === undefined ? {} : { summary: summaryOf(comment), description: comment }),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(requestBody === undefined ? {} : { requestBody }),
    responses: responsesOf(binding, parts),
    ...(isDeprecated ? { deprecated: true } : {}),
  };
}

/** The first sentence, on one line. */
function summaryOf(comment: string): string {
  const [paragraph = ""] = comment.split("\n\n");
  const line = paragraph.replaceAll("\n", " ");
  return (/^.+?[.!?](?=\s|$)/.exec(line)?.[0] ?? line).replace(/[.:]$/, "");
}

function pathParameters({ path, pathNames, texts }: OperationParts): Schema[] {
  return path.parameters.map((parameter, i) => ({
    name: pathNames[i] ?? parameter.name,
    in: "path",
    required: true,
    ...pathSchema(parameter, texts),
  }));
}

function pathSchema({ variable, isWhole, isRest }: PathParameter, texts: Schemas): Schema {
  const rest = isRest ? "May hold slashes, which are not to be encoded." : "";
  const field = variable?.path.at(-1);
  if (field === undefined || !isWhole) {
    const part = variable === undefined ? "" : `Part of \`${variable.name}\`.`;
    return {
      ...described(`${part} ${rest}`),
      schema: { type: "string", ...(isRest ? {} : { minLength: 1 }) },
    };
  }
  const { description = "", deprecated, ...schema } = texts.ofField(field);
  const isText =
    schema["type"] === "string" && schema["minLength"] === undefined && schema["format"] === undefined;
  return {
    ...described(`${description as string} ${rest}`),
    ...(deprecated === true ? { deprecated } : {}),
    schema: { ...schema, ...(isText && !isRest ? { minLength: 1 } : {}) },
  };
}

function described(text: string): Schema {
  const description = text.trim();
  return description === "" ? {} : { description };
}

/** Deepest field that is listed: a type that contains itself has no deepest one. */
const MAX_LISTED_DEPTH = 4;

function queryParameters(binding: Binding, { texts }: OperationParts): Schema[] {
  const { body, method, variables } = binding;
  if (body.kind === "all") return [];
  const found: Schema[] = [];
  const taken = (path: readonly DescField[]) =>
    (body.kind === "field" && path[0] === body.field) ||
    variables.some(
      (one) => one.path.length === path.length && one.path.every((field, i) => field === path[i]),
    );
  const visit = (desc: DescMessage, above: readonly DescField[]): void => {
    for (const field of desc.fields) {
      const path = [...above, field];
      if (taken(path)) continue;
      if (fieldTextOf(field) !== undefined) found.push(queryParameter(path, texts));
      else if (field.message !== undefined && isEntered(field) && path.length < MAX_LISTED_DEPTH)
        visit(field.message, path);
    }
  };
  visit(method.input, []);
  return found;
}

function queryParameter(path: readonly DescField[], texts: Schemas): Schema {
  const field = path.at(-1) as DescField;
  const { description, deprecated, ...schema } = texts.ofField(field);
  return {
    name: path.map(({ jsonName }) => jsonName).join("."),
    in: "query",
    // Within a message that may be absent nothing has to be there.
    ...(path.length === 1 && keywordsOf(field).required ? { required: true } : {}),
    ...(description === undefined ? {} : { description }),
    ...(deprecated === true ? { deprecated } : {}),
    ...(field.fieldKind === "list" ? { style: "form", explode: true } : {}),
    schema,
  };
}

/** A line for each message; what is no body is a WebSocket. */
function streamBodyOf(binding: Binding, parts: OperationParts): Schema | undefined {
  if (hasNoBody(binding)) return undefined;
  const { content } = bodyOf(binding, parts) as { readonly content: Readonly<Record<string, Schema>> };
  const item = content[JSON_TYPE]?.["schema"];
  if (item === undefined) return { content };
  const items = { schema: { type: "string" }, "x-item-schema": item };
  return {
    description: "The requests, one by one: a line of JSON for each.",
    content: { [LINES_TYPE]: items },
  };
}

function bodyOf(binding: Binding, { sent }: OperationParts): Schema | undefined {
  const { body, method, variables } = binding;
  if (body.kind === "none") return undefined;
  const field = body.kind === "field" ? body.field : undefined;
  if (rawBodyOf(method.input, field) !== undefined) return { required: true, content: { "*/*": {} } };
  // What stands in the path is left out of the body, one level down for a body that is one field.
  const depth = field === undefined ? 0 : 1;
  const inPath = new Set(
    variables
      .filter(({ path }) => path.length === depth + 1 && (field === undefined || path[0] === field))
      .map(({ path }) => path[depth] as DescField),
  );
  if (field !== undefined) {
    const { description, deprecated: _, ...whole } = sent.ofField(field);
    // The path alone makes the message, which then has to keep its rules.
    const inner = inPath.size === 0 ? [] : (field.message?.fields ?? []);
    const required = [field, ...inner].some((one) => !inPath.has(one) && keywordsOf(one).required);
    const schema = inPath.size === 0 ? whole : sent.ofMessageWithout(field.message as DescMessage, inPath);
    return {
      ...(description === undefined ? {} : { description }),
      ...(required ? { required } : {}),
      content: { [JSON_TYPE]: { schema } },
    };
  }
  const required = method.input.fields.some((one) => !inPath.has(one) && keywordsOf(one).required);
  const schema = sent.ofMessageWithout(method.input, inPath);
  return { ...(required ? { required } : {}), content: { [JSON_TYPE]: { schema } } };
}

const JSON_TYPE = "application/json";
const LINES_TYPE = "application/x-ndjson";
const HAL_TYPE = "application/hal+json";

function responsesOf(binding: Binding, parts: OperationParts): Schema {
  const { plan } = parts;
  const problem = { $ref: "#/components/responses/Problem" };
  const success = successOf(binding, parts);
  const declared = declaredResponses(binding.method, parts.schemas);
  if (plan === undefined) return { ...success, ...declared, default: problem };
  const headers = plannedHeaders(plan);
  const links = plannedLinks(binding, plan, parts.nameOf);
  const told = Object.entries(success).map(([status, answer]) => {
    const { headers: own = {}, ...rest } = answer as Schema;
    const { location, ...others } = headers;
    const all = { ...(own as Schema), ...others, ...(status === "201" && location ? { location } : {}) };
    return [
      status,
      {
        ...rest,
        ...(Object.keys(all).length === 0 ? {} : { headers: structuredClone(all) }),
        ...(Object.keys(links).length === 0 ? {} : { links: structuredClone(links) }),
      },
    ];
  });
  return {
    ...Object.fromEntries(told),
    ...(isRead(binding) && plan.tag !== undefined ? { "304": { description: "The caller has it." } } : {}),
    ...(plan.wanted === undefined ? {} : { "412": problem }),
    ...declared,
    default: problem,
  };
}

function isRead({ httpMethod }: Binding): boolean {
  return httpMethod === "GET" || httpMethod === "HEAD";
}

function successOf({ method, httpMethod, responseBody, template }: Binding, parts: OperationParts): Schema {
  const { schemas, plan } = parts;
  const { output } = method;
  if (streamsRequests(method) && hasNoBody({ httpMethod }))
    return { "101": { description: "A WebSocket: a frame of JSON for each message, both ways." } };
  if (output.typeName === "google.protobuf.Empty" && responseBody === undefined)
    return { "204": { description: "Done." } };
  const description = "The answer.";
  if (rawBodyOf(output, responseBody) !== undefined)
    return { "200": { description, content: { "*/*": {} } } };
  const schema = responseBody === undefined ? schemas.ofMessage(output) : schemas.ofField(responseBody);
  if (method.methodKind === "server_streaming" || method.methodKind === "bidi_streaming") {
    const items = { schema: { type: "string" }, "x-item-schema": schema };
    return {
      "200": {
        description: "The answers, one by one: a line of JSON, or an event, for each.",
        content: { [LINES_TYPE]: items, "text/event-stream": structuredClone(items) },
      },
    };
  }
  const whole = responseBody === undefined ? output : (responseBody.message as DescMessage);
  const hal = plan?.hal === true ? { [HAL_TYPE]: { schema: schemas.ofLinked(whole) } } : {};
  const content = { [JSON_TYPE]: { schema }, ...hal };
  if (httpMethod !== "POST" || (template.verb !== undefined && plan?.location === undefined))
    return { "200": { description, content } };
  const headers = {
    location: { description: "Where it is.", schema: { type: "string", format: "uri-reference" } },
  };
  return {
    "200": { description, content },
    "201": { description: "Made.", headers, content: structuredClone(content) },
  };
}

/** Components that every operation may refer to. */
export const PROBLEM_RESPONSE: Schema = {
  description: "It failed: a problem as RFC 9457 has it, with the status of gRPC inside.",
  content: { [PROBLEM_TYPE]: { schema: reference("Problem") } },
};

export const PROBLEM_SCHEMA: Schema = {
  type: "object",
  properties: {
    type: { type: "string", format: "uri-reference" },
    title: { type: "string" },
    status: { type: "integer", minimum: 400, maximum: 599 },
    detail: { type: "string" },
    code: { type: "string", description: "The status of gRPC by name.", examples: ["NOT_FOUND"] },
    details: {
      type: "array",
      items: {
        type: "object",
        properties: { "@type": { type: "string" } },
        required: ["@type"],
        additionalProperties: true,
      },
    },
  },
  required: ["type", "title", "status", "code"],
  examples: [
    { type: "about:blank", title: "Not Found", status: 404, detail: "no such order", code: "NOT_FOUND" },
  ],
};
