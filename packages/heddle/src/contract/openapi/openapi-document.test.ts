/** What OpenAPI has no words for, and what would be there twice; the document as a whole is tested in test/openapi. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createFileRegistry, type FileRegistry, create, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { type Binding, bindingsOf } from "../rest/binding.ts";
import { contractOf, type MethodText } from "../rest/contract-of.test.ts";
import { Shop } from "../declaring-service.test.ts";
import { Orders } from "../validation/ruled-service.test.ts";
import { createComments } from "./comments.ts";
import { createOpenApi } from "./openapi-document.ts";

type Document = ReturnType<typeof createOpenApi> & {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly info: Readonly<Record<string, string>>;
};
interface Operation {
  readonly operationId: string;
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: string;
    readonly description?: string;
    readonly schema: object;
  }[];
  readonly requestBody?: object;
  readonly responses: Readonly<Record<string, object>>;
}

const messages = { Thing: { id: "string", name: "string", parent: "Thing", tags: "map string string" } };

function bindingsIn(contract: FileRegistry): Binding[] {
  const services = [...contract].filter((type) => type.kind === "service");
  return services.flatMap((service) => service.methods.flatMap((method) => [...bindingsOf(method)]));
}

function documentOf(methods: Readonly<Record<string, MethodText["http"]>>, version = "things.v2"): Document {
  const texts = Object.entries(methods).map(([name, http]) => [name, { in: "Thing", out: "Thing", http }]);
  const services = { Things: Object.fromEntries(texts) as Record<string, MethodText> };
  return createOpenApi(bindingsIn(contractOf({ package: version, messages, services }))) as Document;
}

const get = (value: string) => ({ pattern: { case: "get", value } }) as const;

test("a variable of several segments is written out, and one of all that follows may have slashes", () => {
  const { paths } = documentOf({
    A: get("/v2/{name=shops/*/things/*}:open"),
    B: get("/v2/*/{id}/{name=**}"),
  });
  assert.deepEqual(Object.keys(paths), [
    "/v2/shops/{name_1}/things/{name_2}:open",
    "/v2/{segment_1}/{id}/{name}",
  ]);
  const [first, second] = Object.values(paths).map(({ get: operation }) => operation?.parameters ?? []);
  assert.equal(first?.[0]?.description, "Part of `name`.");
  assert.match(second?.[2]?.description ?? "", /slashes/);
});

test("paths that differ only in the names of their variables are one, with the names of the first", () => {
  const { paths } = documentOf({
    A: get("/v2/things/{id}"),
    B: { pattern: { case: "delete", value: "/v2/things/{name}" } },
  });
  assert.deepEqual(Object.keys(paths), ["/v2/things/{id}"]);
  const item = paths["/v2/things/{id}"];
  assert.deepEqual(Object.keys(item ?? {}), ["get", "delete"]);
  const inPath = item?.["delete"]?.parameters?.filter((parameter) => parameter.in === "path");
  assert.deepEqual(
    inPath?.map(({ name }) => name),
    ["id"],
  );
});

test("ids are unique: bindings of a method are counted, services of one name have their package", () => {
  const more = { ...get("/v2/a/{id}"), additionalBindings: [get("/v2/b/{id}"), get("/v2/c/{id}")] };
  const ids = (made: Document) =>
    Object.values(made.paths).flatMap((item) => Object.values(item).map(({ operationId }) => operationId));
  assert.deepEqual(ids(documentOf({ A: more })), ["Things_A", "Things_A_2", "Things_A_3"]);
  const both = ["one.v1", "two.v1"].flatMap((name) =>
    bindingsIn(
      contractOf({
        package: name,
        messages,
        services: { Things: { A: { in: "Thing", out: "Thing", http: get(`/${name}/{id}`) } } },
      }),
    ),
  );
  assert.deepEqual(ids(createOpenApi(both) as Document), ["one_v1_Things_A", "two_v1_Things_A"]);
});

test("methods of HTTP that OpenAPI does not know are left out, and any method is one", () => {
  const custom = (kind: string, path: string, body = "") =>
    ({ pattern: { case: "custom", value: { kind, path } }, body }) as const;
  const { paths } = documentOf({
    A: custom("PURGE", "/v2/a"),
    B: custom("*", "/v2/b"),
    C: custom("*", "/v2/c", "*"),
    D: custom("HEAD", "/v2/d"),
  });
  assert.deepEqual(
    Object.entries(paths).map(([path, item]) => [path, Object.keys(item)]),
    [
      ["/v2/b", ["get"]],
      ["/v2/c", ["post"]],
      ["/v2/d", ["head"]],
    ],
  );
});

test("a type that contains itself has parameters down to some depth, and maps have none", () => {
  const { paths } = documentOf({ A: get("/v2/things") });
  const names = paths["/v2/things"]?.["get"]?.parameters?.map(({ name }) => name) ?? [];
  assert.ok(names.includes("parent.parent.id"));
  assert.ok(names.every((name) => name.split(".").length <= 4 && !name.includes("tags")));
});

test("the version is that of the package, if it has one", () => {
  assert.equal(documentOf({ A: get("/a") }).info["version"], "v2");
  assert.equal(documentOf({ A: get("/a") }, "things").info["version"], "0");
  assert.deepEqual(createOpenApi([])["paths"], {});
});

test("rules become keywords, and a field that cannot keep its rule when it is absent is required", () => {
  const { components } = createOpenApi(
    bindingsIn(createFileRegistry(Orders.file.proto, resolve)),
  ) as Document & {
    readonly components: { readonly schemas: Readonly<Record<string, Readonly<Record<string, unknown>>>> };
  };
  const order = components.schemas["heddle.ruled.Order"] as {
    readonly properties: Readonly<Record<string, unknown>>;
    readonly required: readonly string[];
    readonly allOf: unknown;
  };
  assert.deepEqual(order.required, ["id", "lines"]);
  assert.deepEqual(order.properties["id"], { type: "string", minLength: 3, pattern: "^[a-z-]+$" });
  assert.deepEqual(order.properties["lines"], {
    type: "array",
    items: { $ref: "#/components/schemas/heddle.ruled.Line" },
    minItems: 1,
  });
  assert.deepEqual(order.allOf, [{ oneOf: [{ required: ["card"] }, { required: ["voucher"] }] }]);
});

function resolve(name: string) {
  return Orders.file.dependencies
    .flatMap((file) => [file, ...file.dependencies])
    .find(({ proto }) => proto.name === name);
}

test("comments are found for every part, and what is meant for tools is none", () => {
  const at = (path: number[], leadingComments: string, trailingComments = "") => ({
    path,
    span: [0, 0, 0],
    leadingComments,
    trailingComments,
  });
  const file = create(FileDescriptorProtoSchema, {
    name: "a.proto",
    package: "a",
    messageType: [
      {
        name: "M",
        field: [{ name: "f" }],
        oneofDecl: [{ name: "o" }],
        nestedType: [{ name: "N" }],
        enumType: [{ name: "E", value: [{ name: "V" }] }],
      },
    ],
    enumType: [{ name: "E" }],
    service: [{ name: "S", method: [{ name: "Do" }] }],
    sourceCodeInfo: {
      location: [
        at([4, 0], " of M\n  indented\n"),
        at([4, 0, 2, 0], "", " behind f\n"),
        at([4, 0, 8, 0], " of o\n"),
        at([4, 0, 3, 0], " of N\n buf:lint:ignore X\n"),
        at([4, 0, 4, 0, 2, 0], " of V\n"),
        at([5, 0], " buf:lint:ignore X\n"),
        at([6, 0], " of S\n"),
        at([6, 0, 2, 0], " of Do\n"),
        at([6, 0, 2, 0, 2], " of its type\n"),
        at([4, 7], " of nothing\n"),
        at([12], " of the syntax\n"),
      ],
    },
  });
  const comments = createComments(
    [],
    toBinary(FileDescriptorSetSchema, create(FileDescriptorSetSchema, { file: [file] })),
  );
  const names = ["a.M", "a.M.f", "a.M.o", "a.M.N", "a.M.E.V", "a.E", "a.S", "a.S.Do"];
  assert.deepEqual(
    names.map((name) => comments.of(name)),
    ["of M\n indented", "behind f", "of o", "of N", "of V", undefined, "of S", "of Do"],
  );
});

test("declared errors are responses by their status, with their details", () => {
  const { paths } = createOpenApi([...bindingsOf(Shop.method.buy)]) as Document;
  const problem = { $ref: "#/components/schemas/Problem" };
  const { "200": _, "204": _done, ...responses } = paths["/v1/buy"]?.["post"]?.responses ?? {};
  assert.deepEqual(Object.keys(responses), ["400", "403", "404", "default"]);
  assert.deepEqual(responses["404"], {
    description: "`NOT_FOUND`: There is no such thing.",
    content: { "application/problem+json": { schema: problem } },
  });
  const soldOut = {
    type: "object",
    properties: {
      "@type": { const: "type.googleapis.com/heddle.declaring.SoldOut" },
      sku: { type: "string" },
      left: { type: "integer", format: "uint32", minimum: 0, maximum: 4_294_967_295 },
    },
    required: ["@type"],
    additionalProperties: false,
  };
  const items = { anyOf: [soldOut, { type: "object" }] };
  const withDetails = { type: "object", properties: { details: { type: "array", items } } };
  assert.deepEqual(responses["400"], {
    description: "`FAILED_PRECONDITION` with `heddle.declaring.SoldOut`: There is not enough of it.",
    content: { "application/problem+json": { schema: { allOf: [problem, withDetails] } } },
  });
});

test("streams of requests are lines, and WebSockets where there is no body", () => {
  const post = (value: string, body: string) => ({ pattern: { case: "post", value }, body }) as const;
  const { paths } = createOpenApi(
    bindingsIn(
      contractOf({
        messages,
        services: {
          Things: {
            Import: { in: "stream Thing", out: "Thing", http: post("/v1/things", "*") },
            Name: { in: "stream Thing", out: "Thing", http: post("/v1/names/{id}", "name") },
            Talk: { in: "stream Thing", out: "stream Thing", http: post("/v1/talk", "") },
            Live: { in: "stream Thing", out: "stream Thing", http: get("/v1/live/{id}") },
          },
        },
      }),
    ),
  ) as Document;
  const operation = (path: string, method = "post") => paths[path]?.[method] as Operation;
  const lines = (schema: object) => ({
    description: "The requests, one by one: a line of JSON for each.",
    content: { "application/x-ndjson": { schema: { type: "string" }, "x-item-schema": schema } },
  });
  assert.deepEqual(
    operation("/v1/things").requestBody,
    lines({ $ref: "#/components/schemas/test.Thing.Input" }),
  );
  assert.deepEqual(Object.keys(operation("/v1/things").responses), ["200", "201", "default"]);
  assert.match(JSON.stringify(operation("/v1/names/{id}").requestBody), /"x-item-schema":\{"type":/);
  assert.match(JSON.stringify(operation("/v1/talk").responses), /event-stream/);
  const live = operation("/v1/live/{id}", "get");
  assert.deepEqual([live.requestBody, Object.keys(live.responses)], [undefined, ["101", "default"]]);
});
