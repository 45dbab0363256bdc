/**
 * What other people's programs make of the order system's OpenAPI document: schemathesis calls all that it describes, well
 * and badly, and looks at every answer; a validator reads it; a client that is generated from it places an order.
 */
import "../kit/trap.ts";
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { startTestShop } from "../../examples/orders/test-shop.ts";
import { runProgram, runToEnd } from "../kit/program.ts";

const tool = (path: string) => fileURLToPath(new URL(`../../.cache/openapi/${path}`, import.meta.url));
const VALIDATOR = tool("python/bin/openapi-spec-validator");

/** The shop that customers see, its document, and a folder for what is made of that. */
async function openShop(t: TestContext) {
  const shop = await startTestShop();
  t.after(() => shop[Symbol.asyncDispose]());
  const url = await shop.startFront();
  const folder = mkdtempSync(join(tmpdir(), "heddle-openapi-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "openapi.json");
  writeFileSync(file, await (await fetch(`${url}/openapi.json`)).text());
  return { url, folder, file };
}

/** The same document with something else in the place of a text that it has. */
function withOther(file: string, text: string, other: string): string {
  const document = readFileSync(file, "utf8");
  assert.ok(document.includes(text), text);
  const path = file.replace(".json", "-other.json");
  writeFileSync(path, document.replace(text, other));
  return path;
}

const CONFIG = fileURLToPath(new URL("../kit/openapi/schemathesis.toml", import.meta.url));

/** Without a database of what failed before, so that every run is the same one. */
function schemathesis(folder: string, ...args: readonly string[]) {
  const fixed = ["--checks", "all", "--seed", "1", "--generation-database", "none", "--no-color"];
  return runToEnd(
    tool("python/bin/schemathesis"),
    ["--config-file", CONFIG, "run", ...fixed, ...args],
    folder,
  );
}

test("schemathesis, with all of its checks, finds nothing", { timeout: 120_000 }, async (t) => {
  const { url, folder } = await openShop(t);
  const args = ["--max-examples", "100", "--continue-on-failure", `${url}/openapi.json`];
  const { code, output } = await schemathesis(folder, ...args);
  assert.equal(code, 0, output);
  assert.match(output, /Operations: +7 selected \/ 7 total/);
  for (const phase of ["Examples", "Coverage", "Fuzzing", "Stateful"])
    assert.match(output, new RegExp(`✅ +${phase}`), phase);
  assert.match(output, /Selected: 7\/7\s+Tested: 7\n/);
  assert.doesNotMatch(output, /❌|Failures:|Errors:/);
});

test("schemathesis sees where server and document differ: it is not fooled", {
  timeout: 120_000,
}, async (t) => {
  const { url, file, folder } = await openShop(t);
  const other = withOther(file, `"maximum":1000`, `"maximum":5000`);
  const args = ["--include-path", "/v1/orders", "--max-examples", "20", "--url", url, other];
  const { code, output } = await schemathesis(folder, ...args);
  assert.equal(code, 1, output);
  assert.match(output, /Schema-valid request rejected/);
});

test("openapi-spec-validator reads it as OpenAPI 3.1", async (t) => {
  const { file } = await openShop(t);
  await runProgram(VALIDATOR, ["--schema", "3.1", file]);
  const other = withOther(file, `"in":"path"`, `"in":"nowhere"`);
  assert.notEqual((await runToEnd(VALIDATOR, ["--schema", "3.1", other])).code, 0);
});

/** What a customer writes with the generated client, as types and as calls. */
const CUSTOMER = `
import { createClient } from "./client/client/index.ts";
import { orderServiceGetOrder, orderServicePlaceOrder, orderServiceListOrders } from "./client/sdk.gen.ts";

const client = createClient({ baseUrl: process.argv[2]! });
const order = { orderId: "generated", sku: "mug", quantity: 2, card: "4000 0000 0000 4242" };
const placed = await orderServicePlaceOrder({ client, body: order });
const isPlaced: boolean = placed.data?.state === "ORDER_STATE_PLACED";
const again = await orderServiceGetOrder({ client, path: { order_id: "generated" } });
const page = await orderServiceListOrders({ client, query: { pageSize: 10 } });
const broke = await orderServicePlaceOrder({
  client,
  body: { ...order, orderId: "broke", card: "4000 0000 0000 0002" },
});
console.log(JSON.stringify({
  isPlaced,
  status: placed.response?.status,
  again: again.data?.totalCents,
  ids: page.data?.orders?.map(({ id }) => id),
  refused: broke.error?.detail,
}));
`;

test("a client that openapi-ts generates places an order", { timeout: 120_000 }, async (t) => {
  const { url, folder, file } = await openShop(t);
  const config = join(folder, "openapi-ts.config.mjs");
  const output = { path: join(folder, "client"), module: { extension: ".ts" } };
  writeFileSync(config, `export default ${JSON.stringify({ input: file, output })};`);
  await runProgram(process.execPath, [tool("node_modules/@hey-api/openapi-ts/bin/run.js"), "--file", config]);

  writeFileSync(join(folder, "package.json"), `{"type":"module"}`);
  const program = join(folder, "customer.ts");
  writeFileSync(program, CUSTOMER);
  const types = fileURLToPath(new URL("../../node_modules/@types", import.meta.url));
  const language = "--strict --target es2024 --module nodenext --lib es2024,dom,dom.iterable";
  const args = `--noEmit --allowImportingTsExtensions ${language} --types node --typeRoots`.split(" ");
  await runProgram(tool("node_modules/.bin/tsc"), [...args, types, program]);
  const { code, answer, output: said } = await runToEnd(process.execPath, [program, url]);
  assert.equal(code, 0, said);
  assert.deepEqual(JSON.parse(answer), {
    isPlaced: true,
    status: 201,
    again: "2500",
    ids: ["generated"],
    refused: "payment declined: insufficient funds",
  });
});
