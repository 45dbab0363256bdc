/** curl, in every version of HTTP that it speaks, with and without TLS, over TCP and a Unix socket. */
import "../kit/trap.ts";
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { createAuthority } from "../kit/certificates.ts";
import { startEcho, type StartOptions } from "../kit/running.ts";

const METHOD = "heddle.test.v1.EchoService/Unary";
const authority = createAuthority();
const leaf = authority.issue();
const own = authority.issue({ names: ["curl"] });

interface Ended {
  readonly code: number | null;
  /** Status line, fields and body. */
  readonly output: string;
  readonly complaint: string;
}

async function curl(...args: readonly string[]): Promise<Ended> {
  const child = spawn("curl", ["--silent", "--show-error", "--include", "--max-time", "10", ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [output, complaint] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString("latin1")));
  child.stderr.on("data", (chunk: Buffer) => (complaint += chunk.toString("latin1")));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, output, complaint };
}

function createFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "heddle-curl-"));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** A server, and what curl needs to trust it. */
async function start(t: TestContext, options: StartOptions) {
  const folder = createFolder(t);
  const files = { ca: "ca.pem", cert: "own.pem", key: "own.key" };
  for (const [name, text] of [
    [files.ca, authority.cert],
    [files.cert, own.cert],
    [files.key, own.key],
  ] as const)
    writeFileSync(join(folder, name), text);
  const { address } = await startEcho(t, { onPeerError: (error) => assert.fail(error.message), ...options });
  return {
    address,
    trust: ["--cacert", join(folder, files.ca)],
    show: ["--cert", join(folder, files.cert), "--key", join(folder, files.key)],
  };
}

const json = ["--header", "content-type: application/json", "--data", '{"payload":"AQID"}'];

function assertAnswered({ code, output, complaint }: Ended, version: string): void {
  assert.equal(code, 0, complaint);
  // An upgrade that was asked for and refused shows as the answer itself.
  assert.match(output, new RegExp(`^HTTP/${version} 200`));
  assert.match(output, /"payload":"AQID"/);
}

const versions: readonly (readonly [flag: string, plain: string, secure: string])[] = [
  ["--http1.0", "1.1", "1.1"],
  ["--http1.1", "1.1", "1.1"],
  // Without TLS it asks for an upgrade to h2c, which nobody has to give.
  ["--http2", "1.1", "2"],
  ["--http2-prior-knowledge", "2", "2"],
];

for (const [flag, plain, secure] of versions) {
  test(`curl ${flag}`, async (t) => {
    const { address } = await start(t, {});
    assertAnswered(await curl(flag, ...json, `http://${address}/${METHOD}`), plain);
  });

  test(`curl ${flag}, with TLS`, async (t) => {
    const { address, trust } = await start(t, { tls: leaf });
    assertAnswered(await curl(flag, ...trust, ...json, `https://${address}/${METHOD}`), secure);
  });
}

test("curl without ALPN", async (t) => {
  const { address, trust } = await start(t, { tls: leaf });
  assertAnswered(await curl("--no-alpn", ...trust, ...json, `https://${address}/${METHOD}`), "1.1");
});

test("curl over a Unix socket", async (t) => {
  const path = join(createFolder(t), "echo.sock");
  await start(t, { listen: `unix:${path}` });
  for (const [flag, version] of [
    ["--http1.1", "1.1"],
    ["--http2-prior-knowledge", "2"],
  ] as const)
    assertAnswered(await curl(flag, "--unix-socket", path, ...json, `http://here/${METHOD}`), version);
});

test("curl with a certificate of its own, and without", async (t) => {
  const { address, trust, show } = await start(t, {
    tls: { ...leaf, ca: authority.cert },
    onPeerError: () => {},
  });
  assertAnswered(await curl(...trust, ...show, ...json, `https://${address}/${METHOD}`), "2");
  // It writes as soon as its side of TLS 1.3 stands, and may learn of the refusal by a reset.
  assert.notEqual((await curl(...trust, ...json, `https://${address}/${METHOD}`)).code, 0);
});

test("curl uploads in chunks, asks before it sends, and takes its connection again", async (t) => {
  const { address } = await start(t, {});
  const folder = createFolder(t);
  const big = join(folder, "big.json");
  writeFileSync(big, JSON.stringify({ payload: "A".repeat(2_000_000) }));
  const upload = ["--http1.1", "--header", "content-type: application/json", "--data-binary", `@${big}`];
  const url = `http://${address}/${METHOD}`;
  const chunked = await curl(...upload, "--header", "transfer-encoding: chunked", url);
  assert.match(chunked.output, /^HTTP\/1\.1 (?:100 Continue\r\n\r\nHTTP\/1\.1 )?200/);
  const twice = await curl(...upload, "--header", "expect: 100-continue", url, url);
  assert.equal([...twice.output.matchAll(/HTTP\/1\.1 100 Continue/g)].length, 2);
  assert.equal([...twice.output.matchAll(/HTTP\/1\.1 200/g)].length, 2);
});

test("curl learns in words that it uses the wrong kind of port", async (t) => {
  const secure = await start(t, { tls: leaf, onPeerError: () => {} });
  const plain = await curl(...json, `http://${secure.address}/${METHOD}`);
  assert.match(plain.output, /^HTTP\/1\.1 400 .*this port speaks TLS/s);
  const open = await start(t, { onPeerError: () => {} });
  const tls = await curl(...open.trust, ...json, `https://${open.address}/${METHOD}`);
  assert.match(tls.complaint, /wrong version number|SSL/);
});
