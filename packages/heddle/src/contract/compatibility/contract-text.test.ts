import assert from "node:assert/strict";
import { test } from "node:test";
import { createFileRegistry, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { compileImage, type Sources } from "./compile.test.ts";
import { contractText, type RestMode } from "./contract-text.ts";
import { imageOfServices } from "./image-of-services.ts";

const IMPORTS = `import "google/api/annotations.proto";`;
const SERVICE = `service S { rpc Get(Ask) returns (Answer) { option (google.api.http) = { get: "/a/{id}" }; } }`;
const ASK = `message Ask { string id = 1; }`;
const ANSWER = `message Answer { string name = 1 [deprecated = true]; Kind kind = 2; }`;
const KIND = `enum Kind { KIND_UNSPECIFIED = 0; KIND_A = 1; }`;

function text(sources: Sources, rest: RestMode = "annotations"): string {
  return textOfImage(compileImage(sources), rest);
}

function textOfImage(image: Uint8Array, rest: RestMode): string {
  const service = createFileRegistry(fromBinary(FileDescriptorSetSchema, image)).getService("a.v1.S");
  assert.ok(service);
  return contractText([service], rest);
}

const file = (...parts: string[]) => ({
  "a/v1/a.proto": `syntax = "proto3"; package a.v1; ${IMPORTS} ${parts.join("\n")}`,
});
const original = text(file(SERVICE, ASK, ANSWER, KIND));

test("comments, order and files are not in it, and neither is what nobody reaches", () => {
  assert.equal(text(file("// A kind.", KIND, ANSWER, "// Asks.", ASK, SERVICE)), original);
  assert.equal(text(file(SERVICE, ASK, ANSWER, KIND, "message Unused { string a = 1; }")), original);
  const split = {
    "a/v1/kind.proto": `syntax = "proto3"; package a.v1; ${KIND}`,
    "a/v1/a.proto": `syntax = "proto3"; package a.v1; ${IMPORTS} import "a/v1/kind.proto"; ${[SERVICE, ASK, ANSWER].join(" ")}`,
  };
  assert.equal(text(split), original);
});

test("whatever means something else is another text", () => {
  const others = [
    text(file(SERVICE, ASK, ANSWER, KIND), "conventions"),
    text(file(SERVICE, ASK, ANSWER, KIND), "off"),
    text(file(SERVICE.replace("/a/", "/b/"), ASK, ANSWER, KIND)),
    text(file(SERVICE.replace("returns (", "returns (stream "), ASK, ANSWER, KIND)),
    text(file(SERVICE, ASK.replace("= 1", "= 2"), ANSWER, KIND)),
    text(file(SERVICE, ASK.replace("string", "optional string"), ANSWER, KIND)),
    text(file(SERVICE, ASK, ANSWER.replace(" [deprecated = true]", ""), KIND)),
    text(file(SERVICE, ASK, ANSWER, KIND.replace("KIND_A", "KIND_B"))),
    text(file(SERVICE, ASK, `${ANSWER.slice(0, -1)} string more = 3; }`, KIND)),
  ];
  assert.equal(new Set([original, ...others]).size, others.length + 1);
});

test("what is handed over says the same as what is served", () => {
  const registry = createFileRegistry(
    fromBinary(FileDescriptorSetSchema, compileImage(file(SERVICE, ASK, ANSWER, KIND))),
  );
  const service = registry.getService("a.v1.S");
  assert.ok(service);
  assert.equal(textOfImage(imageOfServices([service]), "annotations"), original);
});
