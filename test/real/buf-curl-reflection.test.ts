/** `buf curl` without a schema: all that it knows of the service, it learns from the server. */
import "../kit/trap.ts";
import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { runToEnd } from "../kit/program.ts";
import { startEcho } from "../kit/running.ts";

const buf = fileURLToPath(new URL("../../node_modules/.bin/buf", import.meta.url));
const method = "heddle.test.v1.EchoService/Unary";

for (const version of ["grpc-v1", "grpc-v1alpha"]) {
  for (const protocol of ["grpc", "grpcweb", "connect"]) {
    test(`a call by ${protocol}, the contract by ${version}`, async (t) => {
      const { address } = await startEcho(t, { reflection: true });
      const payload = Buffer.from("hello").toString("base64");
      const { code, answer, output } = await runToEnd(buf, [
        "curl",
        "--http2-prior-knowledge",
        "--protocol",
        protocol,
        "--reflect-protocol",
        version,
        "--data",
        JSON.stringify({ payload }),
        `http://${address}/${method}`,
      ]);
      assert.equal(code, 0, output);
      assert.equal((JSON.parse(answer) as { echo: { payload: string } }).echo.payload, payload);
    });
  }
}

test("it lists services and methods", async (t) => {
  const { address } = await startEcho(t, { reflection: true });
  for (const [flag, name] of [
    ["--list-services", "heddle.test.v1.EchoService"],
    ["--list-methods", method],
  ] as const) {
    const flags = ["curl", "--http2-prior-knowledge", flag];
    const { code, answer, output } = await runToEnd(buf, [...flags, `http://${address}`]);
    assert.equal(code, 0, output);
    assert.ok(answer.split("\n").includes(name), answer);
  }
});

test("a service that is not there is told as such", async (t) => {
  const { address } = await startEcho(t, { reflection: true });
  const url = `http://${address}/heddle.test.v1.NoService/Unary`;
  const { code, output } = await runToEnd(buf, ["curl", "--http2-prior-knowledge", "--data", "{}", url]);
  assert.notEqual(code, 0);
  assert.match(output, /NoService/);
});
