/** h2spec, the conformance suite of HTTP/2, against our server: all of it, with the cases that it calls strict. */
import "../kit/trap.ts";
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { test } from "node:test";
import { createAuthority } from "../kit/certificates.ts";
import { runToEnd } from "../kit/program.ts";
import { startEcho } from "../kit/running.ts";

const program = fileURLToPath(new URL("../../.cache/bin/h2spec", import.meta.url));

for (const tls of [false, true]) {
  test(`every case of h2spec passes${tls ? " over TLS" : ""}`, async (t) => {
    const { address } = await startEcho(t, tls ? { tls: createAuthority().issue() } : {});
    const [host = "", port = ""] = address.split(":");
    const where = ["-h", host, "-p", port, ...(tls ? ["--tls", "--insecure"] : [])];
    const { output } = await runToEnd(program, ["--strict", ...where, "-o", "3"]);
    const [, total, passed, skipped, failed] =
      /(\d+) tests, (\d+) passed, (\d+) skipped, (\d+) failed/.exec(output)?.map(Number) ?? [];
    assert.ok(total !== undefined && total >= 146, output.slice(-2000));
    assert.deepEqual(
      { passed, skipped, failed },
      { passed: total, skipped: 0, failed: 0 },
      output.slice(-6000),
    );
  });
}
