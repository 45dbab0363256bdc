/**
 * The OpenAPI document of a contract that has one of everything: as it is served, by a golden file, before two validators, and
 * before what the server really takes and gives.
 */
import "../kit/trap.ts";
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { createFileRegistry, type DescService, fromBinary, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { validate as validateByReadme } from "@readme/openapi-parser";
import { Validator } from "@seriousme/openapi-schema-validator";
import { Ajv2020 } from "ajv/dist/2020.js";
import { createServer, implement, type Implementation, type ServerOptions } from "heddle";

// oxlint-disable-next-line typescript/no-explicit-any -- tests look into JSON wherever they like
type Json = { readonly [key: string]: any };

const golden = new URL("library.json", import.meta.url);
const inRoot = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));

const folder = mkdtempSync(join(tmpdir(), "heddle-openapi-"));
after(() => rmSync(folder, { recursive: true }));
const image = buildImage();
const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, image));
const serviceNamed = (name: string) => registry.getService(`library.v1.${name}`) as DescService;

function buildImage(): Uint8Array {
  cpSync(inRoot("packages/heddle/proto"), join(folder, "heddle"), { recursive: true });
  mkdirSync(join(folder, "own/library/v1"), { recursive: true });
  cpSync(new URL("library.proto", import.meta.url), join(folder, "own/library/v1/library.proto"));
  writeFileSync(join(folder, "buf.yaml"), "version: v2\nmodules:\n  - path: heddle\n  - path: own\n");
  execFileSync(inRoot("node_modules/.bin/buf"), ["build", folder, "-o", join(folder, "image.binpb")]);
  return readFileSync(join(folder, "image.binpb"));
}

const book = { id: "b1", title: "Weaving", genre: 1, pages: 7, authors: ["Ada"] };

const services: readonly Implementation[] = [
  implement(serviceNamed("LibraryService"), {
    getBook: ({ bookId }: Json) => ({ ...book, id: bookId, version: "3" }),
    listBooks: () => ({ books: [{ ...book, place: { case: "shelf", value: "a" } }], nextPageToken: "t" }),
    createBook: ({ book: given }: Json) => given,
    updateBook: ({ book: given }: Json) => given,
    deleteBook: () => ({}),
    lendBook: () => ({ due: { seconds: 1n, nanos: 5 } }),
    async *watchBooks() {
      yield book;
    },
    getCover: () => ({ contentType: "image/png", data: Uint8Array.of(1) }),
    audit: () => book,
  } as never),
  implement(serviceNamed("ShelfService"), {
    listShelves: () => ({
      aUint64: 2n ** 64n - 1n,
      aDouble: Number.NaN,
      byNumber: { "-7": 1 },
      genres: [0, 2],
    }),
    putEverything: (everything: Json) => everything,
  } as never),
];

async function start(t: TestContext, options: Partial<ServerOptions> = {}) {
  const server = await createServer({ services, openapi: true, ...options });
  t.after(() => server.close({ drainMs: 0 }));
  const url = `http://${server.address}`;
  const document = async () => (await (await fetch(`${url}/openapi.json`)).json()) as Json;
  return { url, document };
}

test("the document is that of the golden file (HEDDLE_UPDATE_GOLDEN=1 writes it)", async (t) => {
  const { document } = await start(t);
  const made = `${JSON.stringify(await document(), null, 2)}\n`;
  if (process.env["HEDDLE_UPDATE_GOLDEN"] === "1") writeFileSync(golden, made);
  assert.deepEqual(JSON.parse(made), JSON.parse(readFileSync(golden, "utf8")));
});

const full: Partial<ServerOptions> = {
  openapi: {
    title: "Library",
    version: "2026-11",
    description: "Everything.",
    servers: ["https://library.example"],
    security: { token: { type: "http", scheme: "bearer", bearerFormat: "JWT" }, mtls: { type: "mutualTLS" } },
  },
  rest: { conventions: true },
};

for (const [name, options] of Object.entries({ plain: {}, full, "of nothing": { rest: false as const } })) {
  test(`the ${name} document passes two validators of OpenAPI 3.1`, async (t) => {
    const { document } = await start(t, options);
    const made = await document();
    assert.equal(made["openapi"], "3.1.1");
    const bySchema = await new Validator().validate(structuredClone(made));
    assert.deepEqual(bySchema.errors ?? [], []);
    const byReadme = await validateByReadme(structuredClone(made) as never);
    assert.ok(byReadme.valid, JSON.stringify(byReadme, null, 1));
    assert.deepEqual(byReadme.warnings, []);
  });
}

test("validators see what is wrong: they are not fooled by anything", async (t) => {
  const { document } = await start(t);
  const broken = structuredClone(await document()) as { paths: Json };
  broken.paths["/v1/books"].get.parameters[0].in = "nowhere";
  assert.equal((await new Validator().validate(structuredClone(broken))).valid, false);
  assert.equal((await validateByReadme(structuredClone(broken) as never)).valid, false);
});

test("title, version, servers and security are what the server was told", async (t) => {
  const { document } = await start(t, full);
  const { info, servers, security, components, paths } = await document();
  assert.deepEqual(info, { title: "Library", version: "2026-11", description: "Everything." });
  assert.deepEqual(servers, [{ url: "https://library.example" }]);
  assert.deepEqual(security, [{ token: [] }, { mtls: [] }]);
  assert.equal(components.securitySchemes.token.scheme, "bearer");
  assert.ok(
    Object.keys(paths).some((path) => path.endsWith(":audit")),
    "by convention",
  );
});

test("comments come from an image where generated code has none", async (t) => {
  const bare = fromBinary(FileDescriptorSetSchema, image);
  for (const file of bare.file) delete (file as { sourceCodeInfo?: unknown }).sourceCodeInfo;
  const without = createFileRegistry(bare);
  const own = [
    implement(without.getService("library.v1.LibraryService") as DescService, services[0] as never),
  ];
  const served = { services: own.map((one) => ({ ...one, handler: () => () => ({}) })) } as never;
  const summaryOf = (made: Json) => made["paths"]["/v1/books/{book_id}"].get.summary;
  const plain = await start(t, served);
  assert.equal(summaryOf(await plain.document()), undefined);
  const told = await start(t, { ...(served as object), openapi: { image } });
  assert.equal(summaryOf(await told.document()), "One book");
  assert.ok(toBinary(FileDescriptorSetSchema, bare).length < image.length);
});

/** The schema of an answer, with all that it refers to. */
function validatorOf(document: Json, schema: Json) {
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  return ajv.compile({ ...schema, components: document["components"] });
}

test("what the server answers fits the schemas, and errors fit that of a problem", async (t) => {
  const { url, document } = await start(t);
  const made = await document();
  const jsonOf = (answer: Json) => answer["content"]["application/json"].schema as Json;
  const cases: [string, string, Json | undefined, Json][] = [
    ["GET", "/v1/books/b7", undefined, made["paths"]["/v1/books/{book_id}"].get.responses[200]],
    ["GET", "/v1/books", undefined, made["paths"]["/v1/books"].get.responses[200]],
    [
      "POST",
      "/v1/books?requestId=6d9c6a9e-7d54-4a4e-8f5b-2f4d4a4a4a4a",
      { ...book, genre: "GENRE_SCIENCE" },
      made["paths"]["/v1/books"].post.responses[201],
    ],
    [
      "POST",
      "/v1/books/b7:lend",
      { for: "3.5s" },
      made["paths"]["/v1/books/{book_id}:lend"].post.responses[200],
    ],
    ["GET", "/v1/shelves", undefined, made["paths"]["/v1/shelves"].get.responses[200]],
  ];
  for (const [method, path, body, answer] of cases) {
    const init =
      body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { "content-type": "application/json" } };
    const response = await fetch(`${url}${path}`, { method, ...init });
    const json: unknown = await response.json();
    assert.ok(response.ok, JSON.stringify(json));
    const isValid = validatorOf(made, jsonOf(answer));
    assert.ok(isValid(json), `${path}: ${JSON.stringify(json)} ${JSON.stringify(isValid.errors)}`);
  }
  const isProblem = validatorOf(made, made["components"].schemas.Problem);
  for (const path of ["/v1/books?pageSize=many", "/v1/books?pageSize=101", "/v1/nowhere"]) {
    const response = await fetch(`${url}${path}`);
    const json: unknown = await response.json();
    assert.ok(response.status >= 400 && response.status < 500, path);
    assert.ok(isProblem(json), `${path}: ${JSON.stringify(json)} ${JSON.stringify(isProblem.errors)}`);
  }
});

test("what a contract says of its answers is told, and so", async (t) => {
  const { url, document } = await start(t);
  const made = await document();
  const { get } = made["paths"]["/v1/books/{book_id}"];
  const { headers, content, links } = get.responses[200];
  const hal = { headers: { accept: "application/hal+json" } };
  const response = await fetch(`${url}/v1/books/b7`, hal);
  const json: unknown = await response.json();
  const isValid = validatorOf(made, content["application/hal+json"].schema as Json);
  assert.ok(isValid(json), JSON.stringify([json, isValid.errors]));
  assert.deepEqual(Object.keys((json as Json)["_links"] as Json), ["self", "collection"]);
  for (const name of Object.keys(headers as Json)) assert.ok(response.headers.has(name), name);
  const etag = response.headers.get("etag") ?? "";
  const again = { headers: { ...hal.headers, "if-none-match": etag } };
  assert.equal((await fetch(`${url}/v1/books/b7`, again)).status, 304);
  assert.ok(get.responses[304] !== undefined);
  assert.deepEqual(
    get.parameters.map(({ name, in: place }: Json) => `${place as string} ${name as string}`),
    ["path book_id", "query name", "header if-none-match"],
  );
  assert.deepEqual(links.self, {
    operationId: "LibraryService_GetBook",
    parameters: { book_id: "$response.body#/id" },
  });
  assert.deepEqual(links.related.parameters, { "filter.author": "$response.body#/borrower" });
  assert.deepEqual(made["paths"]["/v1/books"].get.responses[200].links.next.parameters, {
    pageToken: "$response.body#/nextPageToken",
  });
});

test("what the schema of a body refuses, the server refuses, and what it takes, the server takes", async (t) => {
  const { url, document } = await start(t);
  const made = await document();
  const put = made["paths"]["/v1/everything"].put;
  const isValid = validatorOf(made, put.requestBody.content["application/json"].schema);
  const bodies: [Json, boolean][] = [
    [{}, true],
    [
      {
        aDouble: 1.5,
        aFloat: "Infinity",
        aUint32: 4294967295,
        aUint64: "18446744073709551615",
        aSint64: "-1",
      },
      true,
    ],
    [
      {
        aBool: true,
        someBytes: "AQI=",
        struct: { a: [1, null] },
        value: null,
        list: [1, "a"],
        duration: "1.5s",
      },
      true,
    ],
    [{ doubleValue: null, int64Value: "7", boolValue: false, stringValue: "a", mask: "aBool,any" }, true],
    [
      { byNumber: { "-1": "GENRE_FICTION" }, byTruth: { true: { aBool: true } }, genres: ["GENRE_SCIENCE"] },
      true,
    ],
    [{ percent: 100 }, true],
    [{ aDouble: "1.5", aUint32: "7", aUint64: 7, aSint64: -7, genres: [2], int64Value: 7, any: {} }, true],
    [
      { aBool: null, aUint64: null, struct: null, byNumber: null, genres: null, percent: null, any: null },
      true,
    ],
    [{ genres: [null] }, false],
    [{ someBytes: "?" }, false],
    [{ aUint64: "18446744073709551616" }, false],
    [{ percent: 100.5 }, false],
    [{ percent: "NaN" }, false],
    [{ aUint32: -1 }, false],
    [{ aUint32: 4294967296 }, false],
    [{ aBool: "true" }, false],
    [{ unknown: 1 }, false],
    [{ genres: ["GENRE_NONE"] }, false],
    [{ byNumber: { a: "GENRE_FICTION" } }, false],
    [{ byTruth: { maybe: {} } }, false],
    [{ any: { id: 1 } }, false],
    [{ duration: "soon" }, false],
    [{ list: {} }, false],
  ];
  for (const [body, isGood] of bodies) {
    const text = JSON.stringify(body);
    assert.equal(isValid(body), isGood, `${text}: ${JSON.stringify(isValid.errors)}`);
    const headers = { "content-type": "application/json" };
    const { status } = await fetch(`${url}/v1/everything`, { method: "PUT", body: text, headers });
    const wanted = isGood ? 200 : "percent" in body ? 422 : 400;
    assert.equal(status, wanted, text);
  }
});

test("the page shows every operation, runs nothing and escapes what others wrote", async (t) => {
  const { url, document } = await start(t);
  const response = await fetch(`${url}/docs`);
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("content-type"), "text/html; charset=utf-8");
  assert.match(response.headers.get("content-security-policy") ?? "", /default-src 'none'/);
  const page = await response.text();
  const paths = Object.values((await document())["paths"]) as Json[];
  for (const { operationId } of paths.flatMap((item) => Object.values(item) as Json[]))
    assert.ok(page.includes(`<section id="${operationId}">`), operationId);
  assert.ok(page.includes("&#60;b&#62;signs"));
  assert.doesNotMatch(page, /<script|<b>signs|undefined|\[object/);
});

test("neither is there unless it is asked for", async (t) => {
  const off = await start(t, { openapi: false });
  for (const path of ["/openapi.json", "/docs"]) assert.equal((await fetch(`${off.url}${path}`)).status, 404);
  const plain = await start(t, { openapi: { page: false } });
  assert.equal((await fetch(`${plain.url}/docs`)).status, 404);
});
