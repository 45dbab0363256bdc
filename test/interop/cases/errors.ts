/** Status codes, messages and details, and what must not get out of a handler. */
import { create, toBinary } from "@bufbuild/protobuf";
import { DurationSchema, StringValueSchema, StructSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import assert from "node:assert/strict";
import { createUnknownService } from "../unknown-service.ts";
import type { Case } from "../link.ts";
import { collect, requestsOf } from "../streams.ts";

/** Asserts the code, and the text where one is given. */
export async function rejectsWith(
  promise: Promise<unknown>,
  code: Code,
  message?: string | RegExp,
): Promise<ConnectError> {
  let caught: unknown;
  try {
    await promise;
  } catch (error) {
    caught = error;
  }
  assert.ok(
    caught instanceof ConnectError,
    `expected ${Code[code]}, got ${caught instanceof Error ? caught.stack : "no error"}`,
  );
  assert.equal(Code[caught.code], Code[code], caught.message);
  if (typeof message === "string") assert.equal(caught.rawMessage, message);
  else if (message !== undefined) assert.match(caught.rawMessage, message);
  return caught;
}

const codes = Object.values(Code).filter((code): code is Code => typeof code === "number");

const texts = [
  "",
  "plain",
  "100 % of 5 %25 %zz",
  "naïve café – 你好 🧵",
  "line one\nline two\ttab",
  "ends with space ",
];

const details = [
  { desc: DurationSchema, value: create(DurationSchema, { seconds: 3n, nanos: 5 }) },
  { desc: StringValueSchema, value: create(StringValueSchema, { value: "a detail with ünïcode" }) },
  {
    desc: StructSchema,
    value: create(StructSchema, { fields: { field: { kind: { case: "numberValue", value: 1.5 } } } }),
  },
];

export const errors: readonly Case[] = [
  ...codes.map(
    (code): Case => ({
      name: `status ${Code[code]}`,
      async run({ client }) {
        await rejectsWith(
          client.unary({ plan: { failure: { code, message: `code ${code}` } } }),
          code,
          `code ${code}`,
        );
        await rejectsWith(
          collect(
            client.serverStream({ plan: { count: 2, failure: { code, message: "late", afterAnswers: 1 } } }),
          ),
          code,
          "late",
        );
      },
    }),
  ),
  ...texts.map(
    (message): Case => ({
      name: `status message ${JSON.stringify(message)}`,
      async run({ client }) {
        await rejectsWith(
          client.unary({ plan: { failure: { code: Code.Aborted, message } } }),
          Code.Aborted,
          message,
        );
      },
    }),
  ),
  {
    name: "answers before an error arrive",
    async run({ client }) {
      const seen: number[] = [];
      const reading = (async () => {
        for await (const { echo } of client.serverStream({
          plan: {
            count: 5,
            answerBytes: 10,
            failure: { code: Code.DataLoss, message: "torn", afterAnswers: 3 },
          },
        })) {
          seen.push(echo?.payload.length ?? 0);
        }
      })();
      await rejectsWith(reading, Code.DataLoss, "torn");
      assert.deepEqual(seen, [10, 10, 10]);
    },
  },
  {
    name: "errors of client and bidirectional streams",
    async run({ client, can }) {
      const plan = { failure: { code: Code.OutOfRange, message: "beyond" } };
      await rejectsWith(client.clientStream(requestsOf({ plan })), Code.OutOfRange, "beyond");
      if (!can("bidi")) return;
      await rejectsWith(collect(client.bidiStream(requestsOf({ plan }))), Code.OutOfRange, "beyond");
    },
  },
  {
    name: "error details",
    async run({ client }) {
      const packed = details.map(({ desc, value }) => ({
        typeUrl: `type.googleapis.com/${desc.typeName}`,
        value: toBinary(desc, value as never),
      }));
      const plan = {
        failure: { code: Code.InvalidArgument, message: "see the details – ä", details: packed },
      };
      for (const call of [() => client.unary({ plan }), () => collect(client.serverStream({ plan }))]) {
        const error = await rejectsWith(call(), Code.InvalidArgument, "see the details – ä");
        assert.equal(error.details.length, details.length);
        assert.deepEqual(error.findDetails(DurationSchema), [details[0]?.value]);
        assert.deepEqual(error.findDetails(StringValueSchema), [details[1]?.value]);
        assert.deepEqual(error.findDetails(StructSchema), [details[2]?.value]);
      }
    },
  },
  {
    name: "what an ordinary error says stays in the server",
    async run({ client, oursAnswers }) {
      const plan = { failure: { message: "secret", plainError: true } };
      for (const call of [
        () => client.unary({ plan }),
        () => collect(client.serverStream({ plan })),
        () => collect(client.bidiStream(requestsOf({ plan }))),
      ]) {
        await assert.rejects(
          call(),
          (error: ConnectError) =>
            !oursAnswers || (error.code === Code.Unknown && !error.message.includes("secret")),
        );
      }
    },
  },
  {
    name: "a method that is not implemented",
    async run({ client }) {
      await rejectsWith(client.missing({}), Code.Unimplemented);
    },
  },
  {
    name: "a service that nobody serves",
    async run({ transport }) {
      await rejectsWith(createClient(createUnknownService(), transport).unary({}), Code.Unimplemented);
    },
  },
];
