/** Bodies of calls in every protocol and codec that a server speaks, with the content type that goes with each. */
import { create, toBinary, toJsonString } from "@bufbuild/protobuf";
import { gzipSync } from "node:zlib";
import { UnaryRequestSchema } from "../gen/heddle/test/v1/echo_pb.ts";
import type { Dice } from "./dice.ts";
import { concat, mutateBytes } from "./mutate.ts";

export interface Body {
  readonly path: string;
  readonly contentType: string;
  readonly fields: readonly string[];
  readonly bytes: Uint8Array;
}

const service = "/heddle.test.v1.EchoService";

export function randomBody(dice: Dice): Body {
  const method = dice.pick([
    "Unary",
    "Unary",
    "IdempotentUnary",
    "ServerStream",
    "ClientStream",
    "BidiStream",
    "Nothing",
  ]);
  const json = dice.chance(40);
  const codec = json ? "json" : "proto";
  const path = `${service}/${method}`;
  const fields = dice.chance(30) ? randomFields(dice) : [];
  switch (dice.below(6)) {
    // REST, by the paths that convention gives the methods.
    case 5: {
      const verb = dice.pick(["unary", "serverStream", "idempotentUnary", "nothing"]);
      const noun = dice.pick(["echo", "unaries", "streams", "", "%2e%2e", "a/b:c"]);
      const query = dice.pick(["", "", "?payload=AA", "?x=%ff&&=", "?payload=%"]);
      const contentType = dice.pick(["application/json", "application/json", "text/plain", ""]);
      return { path: `/v1/${noun}:${verb}${query}`, contentType, fields, bytes: message(dice, true) };
    }
    case 0: {
      const gzip = dice.chance(30);
      const bytes = gzip ? gzipSync(message(dice, json)) : message(dice, json);
      const encoding = gzip ? ["content-encoding", "gzip"] : [];
      return { path, contentType: `application/${codec}`, fields: [...fields, ...encoding], bytes };
    }
    case 1:
      return {
        path,
        contentType: `application/connect+${codec}`,
        fields: [...fields, "connect-content-encoding", dice.pick(["gzip", "identity", "br", "x"])],
        bytes: concat(envelopes(dice, json), dice.chance(20) ? envelope(2, text("{}")) : nothing),
      };
    case 2:
      return { path, contentType: `application/grpc-web+${codec}`, fields, bytes: envelopes(dice, json) };
    case 3:
      return {
        path,
        contentType: dice.pick(["application/grpc-web-text", "application/grpc-web-text+proto"]),
        fields,
        bytes: text(Buffer.from(envelopes(dice, false)).toString("base64")),
      };
    default:
      return {
        path,
        contentType: `application/grpc${dice.pick(["", "+proto", "+json", "+x"])}`,
        fields: [...fields, "te", "trailers"],
        bytes: envelopes(dice, json),
      };
  }
}

/** The query of a call by GET. */
export function randomQuery(dice: Dice): string {
  const json = dice.chance(50);
  const bytes = message(dice, json);
  const value = json
    ? encodeURIComponent(Buffer.from(bytes).toString())
    : Buffer.from(bytes).toString("base64url");
  return `${service}/IdempotentUnary?connect=v1&encoding=${json ? "json" : "proto&base64=1"}&message=${value}`;
}

function message(dice: Dice, json: boolean): Uint8Array {
  const request = create(UnaryRequestSchema, { payload: dice.bytes(dice.pick([0, 3, 40, 2000])) });
  const bytes = json
    ? text(toJsonString(UnaryRequestSchema, request))
    : toBinary(UnaryRequestSchema, request);
  return dice.chance(25) ? mutateBytes(dice, bytes) : bytes;
}

function envelopes(dice: Dice, json: boolean): Uint8Array {
  return concat(
    ...Array.from({ length: dice.pick([0, 1, 1, 1, 2, 5]) }, () => {
      const compressed = dice.chance(15);
      const bytes = message(dice, json);
      return envelope(compressed ? 1 : 0, compressed ? gzipSync(bytes) : bytes);
    }),
  );
}

function envelope(flag: number, bytes: Uint8Array): Uint8Array {
  return concat(
    Uint8Array.of(flag, bytes.length >>> 24, bytes.length >>> 16, bytes.length >>> 8, bytes.length),
    bytes,
  );
}

function randomFields(dice: Dice): string[] {
  return dice.pick([
    ["connect-protocol-version", "1"],
    ["connect-timeout-ms", dice.pick(["100", "0", "99999999999", "-1", "x"])],
    ["grpc-timeout", dice.pick(["1S", "0m", "1n", "99999999H", "1", "S"])],
    ["grpc-encoding", dice.pick(["gzip", "identity", "zstd", "x"])],
    ["accept-encoding", dice.pick(["gzip, br;q=0.5", "*", "", ";;q=,,"])],
    ["grpc-accept-encoding", "gzip,br,zstd"],
    ["traceparent", dice.pick(["00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "00-", "x"])],
    ["origin", dice.pick(["https://shop.example", "https://evil.example", "null"])],
    ["x-data-bin", dice.pick(["AQID", "%%%", ""])],
  ]);
}

function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

const nothing = new Uint8Array(0);
