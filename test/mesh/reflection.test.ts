/** What a mesh serves is told where the environment says so, and by code against it. */
import "../kit/trap.ts";
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { credentials } from "@grpc/grpc-js";
import { GrpcReflection } from "grpc-js-reflection-client";
import { createMesh, implement, type ServeOptions } from "heddle";
import { EchoService } from "../gen/heddle/test/v1/echo_pb.ts";

async function serve(t: TestContext, word: string | undefined, options: ServeOptions = {}): Promise<string> {
  const mesh = await createMesh({ registry: false, stateFolder: false, shutdownSignals: [] });
  t.after(() => mesh.close({ drainMs: 0 }));
  const before = process.env["HEDDLE_REFLECTION"];
  try {
    if (word !== undefined) process.env["HEDDLE_REFLECTION"] = word;
    return (await mesh.serve(implement(EchoService, {}), options)).address;
  } finally {
    if (before === undefined) delete process.env["HEDDLE_REFLECTION"];
    else process.env["HEDDLE_REFLECTION"] = before;
  }
}

async function tells(address: string): Promise<readonly [boolean, boolean]> {
  const { status } = await fetch(`http://${address}/openapi.json`);
  const reflection = new GrpcReflection(address, credentials.createInsecure());
  const listed = await reflection.listServices().catch((): string[] => []);
  return [status === 200, listed.includes("heddle.test.v1.EchoService")];
}

test("reflection and OpenAPI are off, on by the environment, and each as code says", async (t) => {
  assert.deepEqual(await tells(await serve(t, undefined)), [false, false]);
  assert.deepEqual(await tells(await serve(t, "on")), [true, true]);
  assert.deepEqual(await tells(await serve(t, "yes")), [false, false]);
  assert.deepEqual(await tells(await serve(t, "on", { reflection: false })), [false, false]);
  assert.deepEqual(await tells(await serve(t, "on", { openapi: false })), [false, true]);
  assert.deepEqual(await tells(await serve(t, undefined, { openapi: true })), [true, false]);
});
