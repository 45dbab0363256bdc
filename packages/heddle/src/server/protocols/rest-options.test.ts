/**
 * What a contract says of its answers in HTTP, over HTTP/1.1 and HTTP/2. The handlers here set no field: all comes from the
 * options. Each row stands with the statement that it checks.
 */
import assert from "node:assert/strict";
import { request } from "node:http";
import { connect } from "node:http2";
import { describe, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { create, type DescService, type Message } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { isHeddleError } from "../../call/errors.ts";
import { contractOf } from "../../contract/rest/contract-of.test.ts";
import type { MethodFunction } from "../implement.ts";
import type { ServerOptions } from "../options.ts";
import { createServer, type Server } from "../server.ts";

const get = (value: string) => ({ pattern: { case: "get" as const, value } });
const links = [
  { rel: "self", target: "GetNote" },
  { rel: "collection", target: "ListNotes", title: "All" },
  { rel: "author", target: "GetAuthor", fields: { id: "author_id" } },
];

const contract = contractOf({
  package: "notes.v1",
  messages: {
    Note: { id: "string", text: "string", author_id: "string", version: "etag string" },
    NoteRequest: { id: "string", note: "Note", author: "string" },
    DeleteRequest: { id: "string", version: "etag string" },
    ListRequest: { page_size: "int32", page_token: "string", filter: "string" },
    NoteList: { notes: "repeated Note", next_page_token: "string" },
    Author: { id: "string", name: "string" },
    Old: { id: "string" },
  },
  services: {
    Notes: {
      GetNote: { in: "NoteRequest", out: "Note", http: get("/v1/notes/{id}"), rest: { links } },
      CreateNote: {
        in: "NoteRequest",
        out: "Note",
        http: { pattern: { case: "post", value: "/v1/notes" }, body: "note" },
        rest: { location: "GetNote" },
      },
      UpdateNote: {
        in: "NoteRequest",
        out: "Note",
        http: { pattern: { case: "put", value: "/v1/notes/{id}" }, body: "note" },
      },
      SealNote: {
        in: "Author",
        out: "Note",
        http: { pattern: { case: "post", value: "/v1/notes/{id}:seal" }, body: "*" },
      },
      DeleteNote: {
        in: "DeleteRequest",
        out: "google.protobuf.Empty",
        http: { pattern: { case: "delete", value: "/v1/notes/{id}" } },
      },
      ListNotes: { in: "ListRequest", out: "NoteList", http: get("/v1/notes") },
      GetAuthor: {
        in: "Author",
        out: "Author",
        http: get("/v1/authors/{id}"),
        rest: { computedEtag: true, cache: { maxAgeSeconds: 60, public: true, vary: ["Accept-Language"] } },
      },
      GetOld: {
        in: "Old",
        out: "Old",
        http: get("/v1/old/{id}"),
        deprecated: true,
        rest: {
          deprecation: {
            since: "2026-03-01",
            sunset: "2026-12-31",
            link: "https://a.example/old",
            successor: "GetNote",
          },
        },
      },
      WatchOld: {
        in: "Old",
        out: "stream Old",
        http: get("/v1/old:watch"),
        rest: { deprecation: { since: "2026-03-01" } },
      },
      GetPlain: { in: "Old", out: "Old", http: get("/v1/plain/{id}") },
      Download: {
        in: "Old",
        out: "google.api.HttpBody",
        http: get("/v1/files/{id}"),
        rest: { computedEtag: true },
      },
    },
  },
});

type Any = Message & Record<string, unknown>;
const made = (name: string, init: object): Any => {
  const desc = contract.getMessage(name.includes(".") ? name : `notes.v1.${name}`);
  assert.ok(desc !== undefined);
  return create(desc, init as never) as Any;
};

/** The current version is always 5; what the handlers got is kept for the tests. */
const seen: Any[] = [];
const checkVersion = (wanted: unknown, id: unknown) => {
  if (id === "none") throw new ConnectError("no such note", Code.NotFound);
  if (wanted !== "" && wanted !== undefined && wanted !== "5")
    throw new ConnectError("it has changed", Code.Aborted);
};
const note = (init: object = {}) =>
  made("Note", { id: "7", text: "hi", authorId: "a b", version: "5", ...init });

const handlers: Readonly<Record<string, (request: Any) => unknown>> = {
  GetNote({ id }) {
    checkVersion("", id);
    return note({
      id,
      ...(id === "new" ? { version: "", authorId: "" } : {}),
      text: id === "long" ? "x".repeat(9999) : "",
    });
  },
  CreateNote({ note: given }) {
    const { text } = given as { text: string };
    if (text === "exists") throw new ConnectError("it is there", Code.AlreadyExists);
    return text === "dry run" ? note({ id: "" }) : note({ text });
  },
  UpdateNote(asked) {
    seen.push(asked);
    const { version } = (asked["note"] ?? {}) as { version?: string };
    checkVersion(version, asked["id"]);
    return note({ version: "6" });
  },
  SealNote: () => note(),
  DeleteNote({ version, id }) {
    checkVersion(version, id);
    return made("google.protobuf.Empty", {});
  },
  ListNotes: ({ pageToken }) => ({
    notes: [{ id: "7" }],
    nextPageToken: pageToken === "" ? "a&b=" : pageToken === "a&b=" ? "c" : "",
  }),
  GetAuthor: ({ id }) => ({ id, name: id === "long" ? "x".repeat(9999) : "Ada" }),
  GetOld({ id }) {
    if (id === "none") throw new ConnectError("none", Code.NotFound);
    return { id };
  },
  async *WatchOld() {
    yield { id: "1" };
  },
  GetPlain: ({ id }) => ({ id }),
  Download: () =>
    made("google.api.HttpBody", { contentType: "text/plain", data: new TextEncoder().encode("abc") }),
};

async function serve(options: Partial<ServerOptions> = {}): Promise<Server> {
  const service = contract.getService("notes.v1.Notes") as DescService;
  return await createServer({
    services: [{ service, handler: ({ name }) => handlers[name] as MethodFunction | undefined }],
    listen: "127.0.0.1:0",
    onHandlerError: () => {},
    ...options,
  });
}

type Fields = Readonly<Record<string, string | undefined>>;
interface Answer {
  readonly status: number;
  readonly fields: Fields;
  readonly body: Buffer;
}
/** `GET /path`, its fields, its body. */
type Ask = (line: string, fields?: Fields, body?: string) => Promise<Answer>;

function answered(status: number, head: object, chunks: readonly Buffer[]): Answer {
  const fields = Object.fromEntries(Object.entries(head).map(([name, value]) => [name, String(value)]));
  return { status, fields, body: Buffer.concat(chunks) };
}

const overHttp1 =
  (server: Server): Ask =>
  (line, fields = {}, body = "") =>
    new Promise((resolve, reject) => {
      const [method, path] = line.split(" ") as [string, string];
      const [host, port] = server.address.split(":") as [string, string];
      const length =
        body === "" ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
      const headers = { ...length, ...fields };
      const sent = request({ host, port, method, path, headers, agent: false }, (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("end", () => resolve(answered(response.statusCode ?? 0, response.headers, chunks)));
      });
      sent.on("error", reject);
      sent.end(body);
    });

const overHttp2 =
  (server: Server): Ask =>
  (line, fields = {}, body = "") =>
    new Promise((resolve, reject) => {
      const [method, path] = line.split(" ") as [string, string];
      const session = connect(`http://${server.address}`);
      session.on("error", reject);
      const type = body === "" ? {} : { "content-type": "application/json" };
      const stream = session.request(
        { ":method": method, ":path": path, ...type, ...fields },
        { endStream: body === "" },
      );
      const chunks: Buffer[] = [];
      let head: Record<string, unknown> = {};
      stream.on("response", (headers) => (head = headers));
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("end", () => {
        session.close();
        resolve(answered(Number(head[":status"]), head, chunks));
      });
      stream.on("error", reject);
      if (body !== "") stream.end(body);
    });

/** Statement; request; its fields and body; status; fields of the answer, `undefined` for one that must not be there. */
type Row = readonly [
  statement: string,
  line: string,
  asked: { readonly fields?: Fields; readonly body?: string },
  status: number,
  fields: Fields,
];

const json = (value: object) => JSON.stringify(value);
const tagged = { etag: '"5"' };
const allLinks =
  '</v1/notes/7>; rel="self", </v1/notes>; rel="collection"; title="All", </v1/authors/a%20b>; rel="author"';

const rows: readonly Row[] = [
  [
    "a marked field is the etag; who has a validator is to ask each time",
    "GET /v1/notes/7",
    {},
    200,
    { ...tagged, "cache-control": "no-cache" },
  ],
  ["an empty tag is none", "GET /v1/notes/new", {}, 200, { etag: undefined }],
  [
    "RFC 9110 §15.4.5: a 304 has the fields that a 200 would have",
    "GET /v1/notes/7",
    { fields: { "if-none-match": '"5"' } },
    304,
    { ...tagged, "cache-control": "no-cache", vary: "accept", link: allLinks, "content-length": undefined },
  ],
  [
    "§13.1.2: if-none-match compares weakly",
    "GET /v1/notes/7",
    { fields: { "if-none-match": 'W/"5"' } },
    304,
    tagged,
  ],
  ["and takes a list", "HEAD /v1/notes/7", { fields: { "if-none-match": '"4", "5"' } }, 304, tagged],
  ["* is any", "GET /v1/notes/7", { fields: { "if-none-match": "*" } }, 304, tagged],
  ["what is no tag names nothing", "GET /v1/notes/7", { fields: { "if-none-match": "5" } }, 200, tagged],
  ["another tag is sent", "GET /v1/notes/7", { fields: { "if-none-match": '"4"' } }, 200, tagged],
  [
    "§13.1.1: a read with if-match wants that state",
    "GET /v1/notes/7",
    { fields: { "if-match": '"4"' } },
    412,
    {},
  ],
  ["and gets it", "GET /v1/notes/7", { fields: { "if-match": '"4", "5"' } }, 200, tagged],
  ["weak ones are not enough", "GET /v1/notes/7", { fields: { "if-match": 'W/"5"' } }, 412, {}],
  [
    "a change of what is there",
    "PUT /v1/notes/7",
    { fields: { "if-match": '"5"' }, body: json({ text: "x" }) },
    200,
    { etag: '"6"', "content-location": "/v1/notes/7", "cache-control": undefined },
  ],
  [
    "a change of what was there: the handler's ABORTED is 412",
    "PUT /v1/notes/7",
    { fields: { "if-match": '"4"' }, body: json({ text: "x" }) },
    412,
    {},
  ],
  ["the same without if-match is 409", "PUT /v1/notes/7", { body: json({ version: "4" }) }, 409, {}],
  [
    "with * anything that is there",
    "PUT /v1/notes/7",
    { fields: { "if-match": "*" }, body: json({}) },
    200,
    {},
  ],
  [
    "and what is not there is 412",
    "PUT /v1/notes/none",
    { fields: { "if-match": "*" }, body: json({}) },
    412,
    {},
  ],
  ["without it 404", "PUT /v1/notes/none", { body: json({}) }, 404, {}],
  [
    "a weak tag permits no change",
    "PUT /v1/notes/7",
    { fields: { "if-match": 'W/"5"' }, body: json({}) },
    412,
    {},
  ],
  [
    "one tag at a time, where the contract takes one",
    "PUT /v1/notes/7",
    { fields: { "if-match": '"4", "5"' }, body: json({}) },
    400,
    {},
  ],
  [
    "a body and if-match that disagree: no state has both",
    "PUT /v1/notes/7",
    { fields: { "if-match": '"4"' }, body: json({ version: "5" }) },
    412,
    {},
  ],
  [
    "a tag of a compressed answer is of the same state",
    "PUT /v1/notes/7",
    { fields: { "if-match": '"5;gzip"' }, body: json({}) },
    200,
    {},
  ],
  [
    "a request without a body takes it, too",
    "DELETE /v1/notes/7",
    { fields: { "if-match": '"4"' } },
    412,
    {},
  ],
  [
    "204 for Empty",
    "DELETE /v1/notes/7",
    { fields: { "if-match": '"5"' } },
    204,
    { "content-type": undefined },
  ],
  [
    "a condition that nobody would look at is refused",
    "POST /v1/notes/7:seal",
    { fields: { "if-match": '"5"' }, body: "{}" },
    400,
    {},
  ],
  [
    "a create answers 201 with location, and the tag of what it made",
    "POST /v1/notes",
    { body: json({ text: "x" }) },
    201,
    { location: "/v1/notes/7", ...tagged },
  ],
  [
    "while it has no name nothing was made",
    "POST /v1/notes",
    { body: json({ text: "dry run" }) },
    200,
    { location: undefined },
  ],
  [
    "only if it is not there: ALREADY_EXISTS is 412",
    "POST /v1/notes",
    { fields: { "if-none-match": "*" }, body: json({ text: "exists" }) },
    412,
    {},
  ],
  ["else 409", "POST /v1/notes", { body: json({ text: "exists" }) }, 409, {}],
  ["links are filled from the answer", "GET /v1/notes/7", {}, 200, { link: allLinks, vary: "accept" }],
  [
    "none whose field is empty",
    "GET /v1/notes/new",
    {},
    200,
    { link: '</v1/notes/new>; rel="self", </v1/notes>; rel="collection"; title="All"' },
  ],
  [
    "AIP-158: the next page is the same query with the token",
    "GET /v1/notes?pageSize=2&filter=a+b",
    {},
    200,
    { link: '</v1/notes?pageSize=2&filter=a+b&page_token=a%26b%3D>; rel="next"' },
  ],
  [
    "the token of this page makes place",
    "GET /v1/notes?page_token=a%26b%3D&page_size=2",
    {},
    200,
    { link: '</v1/notes?page_size=2&page_token=c>; rel="next"' },
  ],
  [
    "in whatever form it is written",
    "GET /v1/notes?pageToken=a%26b%3D",
    {},
    200,
    { link: '</v1/notes?page_token=c>; rel="next"' },
  ],
  ["the last page has none", "GET /v1/notes?page_token=c", {}, 200, { link: undefined }],
  [
    "caching and vary as the contract has them",
    "GET /v1/authors/a",
    {},
    200,
    { "cache-control": "public, max-age=60", vary: "accept-language" },
  ],
  ["errors are not kept", "GET /v1/notes/none", {}, 404, { "cache-control": "no-store" }],
  [
    "RFC 9745 and 8594: deprecation and sunset",
    "GET /v1/old/1",
    {},
    200,
    { deprecation: "@1772323200", sunset: "Thu, 31 Dec 2026 00:00:00 GMT" },
  ],
  [
    "of errors, too",
    "GET /v1/old/none",
    {},
    404,
    { deprecation: "@1772323200", link: '<https://a.example/old>; rel="deprecation"' },
  ],
  ["and of streams", "GET /v1/old:watch", {}, 200, { deprecation: "@1772323200" }],
  [
    "a method without options has none of all this",
    "GET /v1/plain/1",
    {},
    200,
    {
      etag: undefined,
      "cache-control": undefined,
      vary: undefined,
      link: undefined,
      "accept-ranges": undefined,
    },
  ],
  [
    "RFC 9110 §14.3: files have no ranges",
    "GET /v1/files/1",
    { fields: { range: "bytes=1-2" } },
    200,
    { "accept-ranges": "none", "content-length": "3" },
  ],
  ["OPTIONS tells the methods", "OPTIONS /v1/notes/7", {}, 204, { allow: "DELETE, GET, HEAD, OPTIONS, PUT" }],
  ["as does 405", "PATCH /v1/notes/7", {}, 405, { allow: "DELETE, GET, HEAD, OPTIONS, PUT" }],
  [
    "_links are for who wants that type",
    "GET /v1/plain/1",
    { fields: { accept: "application/hal+json" } },
    406,
    {},
  ],
];

for (const [version, over] of [
  ["HTTP/1.1", overHttp1],
  ["HTTP/2", overHttp2],
] as const)
  describe(`options over ${version}`, () => {
    test("table", async (t) => {
      await using server = await serve();
      const ask = over(server);
      for (const [statement, line, { fields, body }, status, expected] of rows)
        await t.test(`${statement}: ${line}`, async () => {
          const answer = await ask(line, fields, body);
          assert.equal(answer.status, status, answer.body.toString());
          for (const [name, value] of Object.entries(expected))
            assert.equal(answer.fields[name], value, name);
          if (status === 304 || status === 204 || line.startsWith("HEAD"))
            assert.equal(answer.body.length, 0);
        });
    });

    test("the handler gets the tag in the field that the contract marks", async () => {
      await using server = await serve();
      seen.length = 0;
      await over(server)("PUT /v1/notes/7", { "if-match": '"5"' }, json({ text: "x" }));
      assert.equal((seen[0]?.["note"] as { version?: string } | undefined)?.version, "5");
    });

    test("_links stand in the body for who accepts application/hal+json, and its tag is another", async () => {
      await using server = await serve();
      const ask = over(server);
      const answer = await ask("GET /v1/notes/7", { accept: "application/hal+json" });
      assert.equal(answer.fields["content-type"], "application/hal+json");
      assert.equal(answer.fields["etag"], '"5;hal"');
      assert.deepEqual(JSON.parse(answer.body.toString()), {
        id: "7",
        authorId: "a b",
        version: "5",
        _links: {
          self: { href: "/v1/notes/7" },
          collection: { href: "/v1/notes", title: "All" },
          author: { href: "/v1/authors/a%20b" },
        },
      });
      const again = { accept: "application/hal+json", "if-none-match": '"5;hal"' };
      assert.equal((await ask("GET /v1/notes/7", again)).status, 304);
      assert.equal((await ask("GET /v1/notes/7", { ...again, "if-none-match": '"5"' })).status, 200);
      const list = await ask("GET /v1/notes?page_token=c", { accept: "application/hal+json" });
      assert.deepEqual(JSON.parse(list.body.toString()), { notes: [{ id: "7" }], _links: {} });
    });

    test("a computed tag stands for the bytes", async () => {
      await using server = await serve();
      const ask = over(server);
      const first = await ask("GET /v1/authors/a");
      const tag = first.fields["etag"] ?? "";
      assert.match(tag, /^"[\w-]{22}"$/);
      assert.equal((await ask("GET /v1/authors/a")).fields["etag"], tag);
      assert.notEqual((await ask("GET /v1/authors/b")).fields["etag"], tag);
      assert.equal((await ask("GET /v1/authors/a", { "if-none-match": tag })).status, 304);
      assert.match((await ask("GET /v1/files/1")).fields["etag"] ?? "", /^"[\w-]{22}"$/);
    });

    test("RFC 9110 §8.8.3.3: a compressed form has a tag of its own, which is known again", async () => {
      await using server = await serve({ sendCompression: "gzip", compressMinBytes: 1000 });
      const ask = over(server);
      for (const path of ["/v1/notes/long", "/v1/authors/long"]) {
        const asked = { "accept-encoding": "gzip" };
        const [plain, packed] = [await ask(`GET ${path}`), await ask(`GET ${path}`, asked)];
        assert.equal(packed.fields["content-encoding"], "gzip");
        assert.deepEqual(gunzipSync(packed.body), plain.body);
        const tag = plain.fields["etag"] ?? "";
        assert.equal(packed.fields["etag"], `${tag.slice(0, -1)};gzip"`);
        assert.match(packed.fields["vary"] ?? "", /^accept.*, accept-encoding$/);
        for (const known of [plain, packed]) {
          const fields = { ...asked, "if-none-match": known.fields["etag"] ?? "" };
          assert.equal((await ask(`GET ${path}`, fields)).status, 304);
        }
      }
      const small = await ask("GET /v1/notes/7", { "accept-encoding": "gzip" });
      assert.deepEqual([small.fields["content-encoding"], small.fields["etag"]], [undefined, '"5"']);
    });

    test("problems of HTTP's own have honest codes", async () => {
      await using server = await serve();
      const ask = over(server);
      const told: readonly (readonly [
        line: string,
        fields: Fields,
        status: number,
        code: string,
        detail: RegExp,
      ])[] = [
        ["PATCH /v1/notes/7", {}, 405, "UNIMPLEMENTED", /PATCH/],
        [
          "GET /v1/notes/7",
          { accept: "text/html" },
          406,
          "INVALID_ARGUMENT",
          /its answer is application\/json, or application\/hal\+json/,
        ],
        [
          "PUT /v1/notes/7",
          { "content-type": "text/plain" },
          415,
          "INVALID_ARGUMENT",
          /JSON is application\/json/,
        ],
        [
          "PUT /v1/notes/7",
          { "content-type": "multipart/form-data; boundary=x" },
          415,
          "INVALID_ARGUMENT",
          /multipart is not read: send application\/json/,
        ],
        [
          "PUT /v1/notes/7",
          { "content-type": "application/x-www-form-urlencoded" },
          415,
          "INVALID_ARGUMENT",
          /JSON is/,
        ],
        ["PUT /v1/notes/7", { "if-match": 'W/"5"' }, 412, "FAILED_PRECONDITION", /HDL-2315/],
      ];
      for (const [line, fields, status, code, detail] of told) {
        const answer = await ask(line, fields, line.startsWith("PUT") ? "{}" : "");
        const problem = JSON.parse(answer.body.toString()) as Record<string, string>;
        assert.deepEqual([answer.status, problem["code"]], [status, code], line);
        assert.match(problem["detail"] ?? "", detail);
      }
    });
  });

test("what the handler sets itself stays", async () => {
  const service = contract.getService("notes.v1.Notes") as DescService;
  const own: Readonly<Record<string, MethodFunction>> = {
    GetNote: ((_request: Message, context: { responseHeader: Headers }) => {
      context.responseHeader.set("etag", '"own"');
      context.responseHeader.set("cache-control", "max-age=1");
      return note();
    }) as unknown as MethodFunction,
    CreateNote: ((_request: Message, context: { responseHeader: Headers }) => {
      context.responseHeader.set("location", "/elsewhere");
      return note();
    }) as unknown as MethodFunction,
  };
  await using server = await createServer({
    services: [{ service, handler: ({ name }) => own[name] }],
    listen: "127.0.0.1:0",
  });
  const ask = overHttp1(server);
  const answer = await ask("GET /v1/notes/7");
  assert.deepEqual([answer.fields["etag"], answer.fields["cache-control"]], ['"own"', "max-age=1"]);
  assert.equal(answer.fields["link"], '</v1/notes/7>; rel="self"');
  assert.equal((await ask("POST /v1/notes", {}, "{}")).fields["location"], "/elsewhere");
});

test("an option that cannot be kept ends the start", async () => {
  const wrong = contractOf({
    messages: { A: { id: "string" } },
    services: {
      S: {
        Do: {
          in: "A",
          out: "A",
          http: { pattern: { case: "post", value: "/a" }, body: "*" },
          rest: { location: "Get" },
        },
      },
    },
  });
  const service = wrong.getService("test.S") as DescService;
  const services = [{ service, handler: () => (() => ({})) as unknown as MethodFunction }];
  await assert.rejects(
    createServer({ services, listen: "127.0.0.1:0" }),
    (error) =>
      isHeddleError(error) && error.reason === "httpRuleInvalid" && /no method Get/.test(error.message),
  );
});
