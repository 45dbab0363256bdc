import assert from "node:assert/strict";
import { get } from "node:http";
import { test } from "node:test";
import { createServer } from "./server.ts";
import { type HttpPage, pageOf } from "./http-page.ts";

function page(path: string): HttpPage {
  return { path, answer: () => ({ status: 200, contentType: "text/plain", body: path }) };
}

test("a path has its own page, else that of the longest name with a slash at its end", () => {
  const pages = new Map(["/a", "/a/", "/a/b/", "/c"].map((path) => [path, page(path)]));
  const found = (path: string) => pageOf(pages, path)?.path;
  assert.deepEqual(["/a", "/a/", "/a/x", "/a/b/x/y", "/c", "/c/x", "/"].map(found), [
    "/a",
    "/a/",
    "/a/",
    "/a/b/",
    "/c",
    undefined,
    undefined,
  ]);
});

test("an answer that comes in pieces is sent so, and ends when its reader has gone", async () => {
  const gone = Promise.withResolvers<void>();
  const stream: HttpPage = {
    path: "/stream/",
    answer: (_query, _fields, { path, signal }) => ({
      status: 200,
      contentType: "text/plain",
      body: (async function* () {
        yield `${path}\n`;
        await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
        gone.resolve();
      })(),
    }),
  };
  await using server = await createServer({ services: [], pages: [stream] });
  const first = Promise.withResolvers<string>();
  const request = get(`http://${server.address}/stream/x?y=1`, (answer) =>
    answer.once("data", (bytes: Buffer) => first.resolve(bytes.toString())),
  );
  assert.equal(await first.promise, "/stream/x\n");
  request.on("error", () => {});
  request.destroy();
  await gone.promise;
  const whole = await fetch(`http://${server.address}/stream/`, { method: "HEAD" });
  assert.deepEqual([whole.status, await whole.text()], [200, ""]);
});
