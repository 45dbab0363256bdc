import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { create, createRegistry, toBinary } from "@bufbuild/protobuf";
import {
  anyPack,
  AnySchema,
  DurationSchema,
  StringValueSchema,
  timestampFromMs,
  TimestampSchema,
} from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { HeddleError } from "../../call/errors.ts";
import { statusName } from "../../call/status.ts";
import { registryOfServices } from "../registry-of-services.ts";
import { contractOf } from "./contract-of.test.ts";
import { codeOfHttpStatus, httpStatusOfError, statusPhrase } from "./http-status.ts";
import { readProblem, writeProblem } from "./problem.ts";
import { readRetryAfter, retryDelayMs, writeRetryAfter } from "./retry-after.ts";

const contract = contractOf({
  package: "google.rpc",
  messages: {
    RetryInfo: { retry_delay: "google.protobuf.Duration" },
    BadRequest: { field_violations: "repeated Violation" },
    Violation: { field: "string", description: "string" },
  },
});
const badRequest = contract.getMessage("google.rpc.BadRequest");
const retryInfo = contract.getMessage("google.rpc.RetryInfo");
assert.ok(badRequest !== undefined && retryInfo !== undefined);
const registry = createRegistry(registryOfServices([]), contract);
const nothing = createRegistry();

const violations = { fieldViolations: [{ field: "total", description: "is negative" }] };

describe("an error as a problem", () => {
  test("has HTTP's words, gRPC's name and its details in JSON", () => {
    const error = new ConnectError("total is wrong", Code.InvalidArgument, undefined, [
      { desc: badRequest, value: violations },
    ]);
    const problem = writeProblem(error, 400, registry);
    assert.deepEqual(problem, {
      type: "about:blank",
      title: "Bad Request",
      status: 400,
      detail: "total is wrong",
      code: "INVALID_ARGUMENT",
      details: [{ "@type": "type.googleapis.com/google.rpc.BadRequest", ...violations }],
    });
    const read = readProblem(JSON.parse(JSON.stringify(problem)), 400, registry);
    assert.deepEqual([read.code, read.rawMessage], [Code.InvalidArgument, "total is wrong"]);
    assert.equal(writeProblem(read, 400, registry).details?.length, 1);
    const bytes = toBinary(badRequest, create(badRequest, violations as never));
    assert.deepEqual((read.details[0] as { value: Uint8Array }).value, bytes);
  });

  test("without message and details has neither", () => {
    const problem = writeProblem(new ConnectError("", Code.NotFound), 404, registry);
    assert.deepEqual(problem, { type: "about:blank", title: "Not Found", status: 404, code: "NOT_FOUND" });
    assert.equal(readProblem(problem, 404, registry).rawMessage, "Not Found");
  });

  test("has details whose message nobody here knows as bytes", () => {
    const error = new ConnectError("x", Code.Aborted);
    error.details.push({ type: "shop.Sold", value: Uint8Array.of(8, 1) });
    const problem = writeProblem(error, 409, nothing);
    assert.deepEqual(problem.details, [{ "@type": "type.googleapis.com/shop.Sold", "@bytes": "CAE=" }]);
    assert.deepEqual(readProblem(problem, 409, nothing).details, error.details);
  });

  test("has well-known types in their own form, also within an Any", () => {
    const any = anyPack(StringValueSchema, create(StringValueSchema, { value: "x" }));
    const details = [
      { desc: TimestampSchema, value: timestampFromMs(0) },
      { desc: AnySchema, value: any },
    ] as never;
    const problem = writeProblem(new ConnectError("x", Code.Aborted, undefined, details), 409, registry);
    assert.deepEqual(problem.details?.[0], {
      "@type": "type.googleapis.com/google.protobuf.Timestamp",
      value: "1970-01-01T00:00:00Z",
    });
    assert.equal(readProblem(problem, 409, registry).findDetails(TimestampSchema)[0]?.seconds, 0n);
    assert.equal(readProblem(problem, 409, registry).details.length, 2);
  });

  test("loses a detail that cannot be encoded, and not itself", () => {
    const bad = [{ desc: DurationSchema, value: { seconds: "no number" as never } }];
    const problem = writeProblem(new ConnectError("x", Code.Aborted, undefined, bad), 409, registry);
    assert.deepEqual(problem.details, [{ "@type": "type.googleapis.com/google.protobuf.Duration" }]);
  });
});

describe("what others answer", () => {
  const rows: readonly (readonly [
    says: string,
    json: unknown,
    status: number,
    code: Code,
    message: string,
  ])[] = [
    ["google.rpc.Status", { code: 5, message: "gone", details: [] }, 404, Code.NotFound, "gone"],
    [
      "within error (AIP-193)",
      { error: { code: 404, message: "gone", status: "NOT_FOUND" } },
      404,
      Code.NotFound,
      "gone",
    ],
    [
      "an error of Connect",
      { code: "failed_precondition", message: "no" },
      400,
      Code.FailedPrecondition,
      "no",
    ],
    [
      "gRPC spells it with two l",
      { code: "CANCELLED" },
      499,
      Code.Canceled,
      "HTTP 499 Client Closed Request",
    ],
    [
      "a problem of somebody else",
      { type: "https://x/y", title: "Sold out", status: 409, detail: "none left" },
      409,
      Code.Aborted,
      "none left",
    ],
    ["with a title only", { title: "Sold out", status: 409 }, 409, Code.Aborted, "Sold out"],
    ["an error that is a text", { error: "no such order" }, 404, Code.NotFound, "no such order"],
    ["a code that nobody knows", { code: "EODEAD", message: "x" }, 503, Code.Unavailable, "x"],
    ["a number out of range", { code: 99, message: "x" }, 503, Code.Unavailable, "x"],
    ["OK is no error", { code: 0, message: "x" }, 500, Code.Internal, "x"],
    ["no object", ["x"], 429, Code.ResourceExhausted, "HTTP 429 Too Many Requests"],
    ["nothing", undefined, 502, Code.Unavailable, "HTTP 502 Server Error"],
    [
      "details that are none",
      { code: "ABORTED", message: "x", details: ["a", {}, { "@type": 7 }, { "@type": "a/b" }, null] },
      409,
      Code.Aborted,
      "x",
    ],
    [
      "a prototype",
      JSON.parse('{"__proto__":{"code":"ABORTED"},"message":"x"}'),
      418,
      Code.FailedPrecondition,
      "x",
    ],
  ];
  for (const [says, json, status, code, message] of rows)
    test(says, () => {
      const error = readProblem(json, status, registry);
      assert.deepEqual([statusName(error.code), error.rawMessage], [statusName(code), message]);
      assert.deepEqual(error.details, []);
    });
});

describe("HTTP status", () => {
  const codes: readonly (readonly [Code, number])[] = [
    [Code.Canceled, 499],
    [Code.Unknown, 500],
    [Code.InvalidArgument, 400],
    [Code.DeadlineExceeded, 504],
    [Code.NotFound, 404],
    [Code.AlreadyExists, 409],
    [Code.PermissionDenied, 403],
    [Code.ResourceExhausted, 429],
    [Code.FailedPrecondition, 400],
    [Code.Aborted, 409],
    [Code.OutOfRange, 400],
    [Code.Unimplemented, 501],
    [Code.Internal, 500],
    [Code.Unavailable, 503],
    [Code.DataLoss, 500],
    [Code.Unauthenticated, 401],
  ];
  for (const [code, status] of codes)
    test(`${statusName(code)} is ${status}, which has words`, () => {
      assert.equal(httpStatusOfError(new ConnectError("", code)), status);
      assert.ok(!["Client Error", "Server Error", "Status"].includes(statusPhrase(status)));
    });

  test("a precondition of the request that does not hold is 412", () => {
    const error = new ConnectError("", Code.FailedPrecondition);
    assert.equal(httpStatusOfError(error, { isConditional: true }), 412);
    assert.equal(httpStatusOfError(new ConnectError("", Code.Aborted), { isConditional: true }), 409);
  });

  test("what is wrong with the form of a request has its own status, which an answer has not", () => {
    const tooLarge = new HeddleError("messageTooLarge", { bytes: 2, limit: 1, direction: "received" });
    assert.equal(httpStatusOfError(tooLarge), 413);
    assert.equal(httpStatusOfError(tooLarge, { wasRead: true }), 429);
    assert.equal(httpStatusOfError(new HeddleError("contentType")), 415);
    assert.equal(httpStatusOfError(new HeddleError("methodUnknown")), 404);
    assert.equal(httpStatusOfError(new HeddleError("httpMethod")), 405);
  });

  test("a status stands for a code, and one that nobody knows for that of its hundred", () => {
    for (const [code, status] of codes) {
      const back = httpStatusOfError(new ConnectError("", codeOfHttpStatus(status)));
      assert.ok(back === status || (status === 409 && code !== Code.Aborted), statusName(code));
    }
    assert.deepEqual(
      [418, 599, 302, 0].map((status) => statusName(codeOfHttpStatus(status))),
      ["FAILED_PRECONDITION", "INTERNAL", "UNKNOWN", "UNKNOWN"],
    );
    assert.deepEqual(
      [statusPhrase(418), statusPhrase(599), statusPhrase(302)],
      ["Client Error", "Server Error", "Status"],
    );
  });
});

describe("Retry-After", () => {
  const withDelay = (value: unknown) =>
    new ConnectError("x", Code.Unavailable, undefined, [{ desc: retryInfo, value: value as never }]);

  test("comes from RetryInfo, in whole seconds", () => {
    const delay = retryDelayMs(withDelay({ retryDelay: { seconds: 2n, nanos: 500_000_000 } }));
    assert.equal(delay, 2500);
    assert.equal(writeRetryAfter(delay), "3");
    assert.equal(writeRetryAfter(0), "0");
  });

  test("also when it came as bytes", () => {
    const error = new ConnectError("x", Code.Unavailable);
    const message = create(retryInfo, { retryDelay: { seconds: 7n } } as never);
    error.details.push({ type: "google.rpc.RetryInfo", value: toBinary(retryInfo, message) });
    assert.equal(retryDelayMs(error), 7000);
  });

  test("or from the pushback", () => {
    const error = (value: string) =>
      new ConnectError("x", Code.Unavailable, { "grpc-retry-pushback-ms": value });
    assert.equal(retryDelayMs(error("1500")), 1500);
    assert.equal(retryDelayMs(error("-1")), undefined, "do not come again");
    assert.equal(retryDelayMs(error("soon")), undefined);
  });

  test("is not there when nobody says it, or nonsense", () => {
    assert.equal(retryDelayMs(new ConnectError("x", Code.Unavailable)), undefined);
    assert.equal(retryDelayMs(withDelay({})), undefined);
    assert.equal(retryDelayMs(withDelay({ retryDelay: { seconds: -7n } })), undefined);
    assert.equal(retryDelayMs(withDelay({ retryDelay: { seconds: "x" } })), undefined);
    const damaged = new ConnectError("x", Code.Unavailable);
    damaged.details.push({ type: "google.rpc.RetryInfo", value: Uint8Array.of(10, 99) });
    assert.equal(retryDelayMs(damaged), undefined);
  });

  test("is read as seconds or as a date", () => {
    const now = Date.UTC(2026, 10, 6, 8, 49, 37);
    const rows: readonly (readonly [string, number | undefined])[] = [
      ["120", 120_000],
      [" 0 ", 0],
      ["Fri, 06 Nov 2026 08:50:07 GMT", 30_000],
      ["Fri, 06 Nov 2026 08:49:07 GMT", 0],
      ["-1", undefined],
      ["1.5", undefined],
      ["", undefined],
      ["9".repeat(20), undefined],
      ["tomorrow", undefined],
      ["2026-11-06", undefined],
      ["Fri, 99 Nov 2026 08:50:07 GMT", undefined],
    ];
    for (const [value, delay] of rows) assert.equal(readRetryAfter(value, now), delay, value);
  });
});
