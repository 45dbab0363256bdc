/**
 * A contract as OpenAPI 3.1: what stands in the annotations `google.api.http`, for those who call by plain HTTP and know no
 * Protobuf. It is made from what the server answers by, so it cannot say anything else.
 * Source: https://spec.openapis.org/oas/v3.1.1.html
 */
import type { DescService, JsonObject } from "@bufbuild/protobuf";
import { createAnswerPlans } from "../rest/answer-plan.ts";
import type { Binding } from "../rest/binding.ts";
import { createComments } from "./comments.ts";
import { LINK_SCHEMA, LINKS_SCHEMA, type OperationName } from "./planned-answers.ts";
import { type OpenApiPath, openApiPath } from "./openapi-path.ts";
import { operationOf, PROBLEM_RESPONSE, PROBLEM_SCHEMA } from "./operations.ts";
import { INPUT, OUTPUT, TEXT } from "./json-forms.ts";
import type { Schema } from "./rule-keywords.ts";
import { Schemas } from "./schemas.ts";

export interface OpenApiInfo {
  /** Default: the names of the services. */
  readonly title?: string;
  /** Of the API. Default: that of the first service's package, such as `v1`. */
  readonly version?: string;
  /** What it is for, in Markdown. Default: the comments of the services. */
  readonly description?: string;
  /** URLs at which it is served. Default: where the document was found. */
  readonly servers?: readonly string[];
  /** How callers prove who they are, by name: Security Scheme Objects of OpenAPI, of which one is enough. Default none. */
  readonly security?: Readonly<Record<string, JsonObject>>;
  /**
   * The contract with its comments, which generated code leaves out: the bytes of `buf build -o contract.binpb`. Default:
   * the document has none.
   */
  readonly image?: Uint8Array;
}

/** Throws for an `image` that is none. */
export function createOpenApi(bindings: readonly Binding[], info: OpenApiInfo = {}): JsonObject {
  const services = [...new Set(bindings.map(({ method }) => method.parent))];
  const comments = createComments(new Set(services.map(({ file }) => file)), info.image);
  const schemas = new Schemas(comments, OUTPUT);
  const sent = new Schemas(comments, INPUT);
  const texts = new Schemas(comments, TEXT);
  const plans = createAnswerPlans(bindings);
  const operations = placesOf(bindings, operationIds(services));
  const nameOf = (binding: Binding) => operations.get(binding)?.name;
  /** By text, which is one for all paths of one shape. */
  const paths = new Map<string, Schema>();
  for (const [binding, { httpMethod, path, text, names, name }] of operations) {
    const item = paths.get(text) ?? {};
    paths.set(text, item);
    item[httpMethod] ??= operationOf(binding, {
      schemas,
      sent,
      texts,
      comments,
      operationId: name.operationId,
      path,
      pathNames: names,
      plan: plans.get(binding),
      nameOf,
    });
  }
  const hasLinks = [...plans.values()].some(({ hal }) => hal);
  const { security = {}, servers = [] } = info;
  const schemes = Object.keys(security);
  return {
    openapi: "3.1.1",
    info: infoOf(services, comments.of, info),
    ...(servers.length === 0 ? {} : { servers: servers.map((url) => ({ url })) }),
    ...(schemes.length === 0 ? {} : { security: schemes.map((name) => ({ [name]: [] })) }),
    tags: services.map(({ typeName }) => {
      const description = comments.of(typeName);
      return { name: typeName, ...(description === undefined ? {} : { description }) };
    }),
    paths: Object.fromEntries(paths),
    components: {
      schemas: {
        ...Object.fromEntries([...schemas.components, ...texts.components, ...sent.components]),
        Problem: structuredClone(PROBLEM_SCHEMA),
        ...(hasLinks ? structuredClone({ Links: LINKS_SCHEMA, Link: LINK_SCHEMA }) : {}),
      },
      responses: { Problem: structuredClone(PROBLEM_RESPONSE) },
      ...(schemes.length === 0 ? {} : { securitySchemes: security }),
    },
  };
}

interface Place {
  readonly httpMethod: string;
  readonly path: OpenApiPath;
  /** Of the first path of this shape. */
  readonly text: string;
  readonly names: readonly string[];
  readonly name: OperationName;
}

/** Of those that OpenAPI has words for, in their order. */
function placesOf(
  bindings: readonly Binding[],
  idOf: (binding: Binding) => string,
): ReadonlyMap<Binding, Place> {
  const shapes = new Map<string, { readonly text: string; readonly names: readonly string[] }>();
  const places = new Map<Binding, Place>();
  for (const binding of bindings) {
    const httpMethod = methodOf(binding);
    if (httpMethod === undefined) continue;
    const path = openApiPath(binding);
    const first = shapes.get(path.shape) ?? {
      text: path.text,
      names: path.parameters.map(({ name }) => name),
    };
    shapes.set(path.shape, first);
    const whole = path.parameters.flatMap(({ variable, isWhole }, i) =>
      variable === undefined || !isWhole ? [] : [[variable.name, first.names[i] as string] as const],
    );
    const name = { operationId: idOf(binding), pathNames: new Map(whole) };
    places.set(binding, { httpMethod, path, ...first, name });
  }
  return places;
}

function infoOf(
  services: readonly DescService[],
  commentOf: (name: string) => string | undefined,
  { title, version, description }: OpenApiInfo,
): JsonObject {
  const names = services.map(({ name }) => name).join(", ");
  const about =
    description ??
    services
      .map(({ typeName }) => commentOf(typeName) ?? "")
      .join("\n\n")
      .trim();
  const [, ofPackage] = /\.(v\d+\w*)$/.exec(services[0]?.file.proto.package ?? "") ?? [];
  return {
    title: title ?? (names || "nothing"),
    version: version ?? ofPackage ?? "0",
    ...(about === "" ? {} : { description: about }),
  };
}

/** In lower case, as OpenAPI has it; undefined for one that it does not know. */
function methodOf({ httpMethod, body }: Binding): string | undefined {
  if (httpMethod === "*") return body.kind === "none" ? "get" : "post";
  const name = httpMethod.toLowerCase();
  return KNOWN.has(name) ? name : undefined;
}

const KNOWN: ReadonlySet<string> = new Set(["get", "put", "post", "delete", "head", "patch"]);

/** `OrderService_GetOrder`; a number for further bindings, the whole name where two services have the same. */
function operationIds(services: readonly DescService[]): (binding: Binding) => string {
  const counts = new Map<string, number>();
  return ({ method }) => {
    const { name, typeName } = method.parent;
    const isAlone = services.filter((service) => service.name === name).length < 2;
    const id = `${isAlone ? name : typeName.replaceAll(".", "_")}_${method.name}`;
    const count = (counts.get(id) ?? 0) + 1;
    counts.set(id, count);
    return count === 1 ? id : `${id}_${count}`;
  };
}
