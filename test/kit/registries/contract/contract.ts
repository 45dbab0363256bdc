/**
 * What every registry owes those who register with it and those who read it, whichever it is: one suite for all of them, each
 * against its real server. The server is started once, and every check leaves it running.
 */
import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { type Check, sceneOf } from "./check.ts";
import { faultChecks } from "./faults.ts";
import { registeringChecks } from "./registering.ts";
import type { RegistryUnderTest, StartedRegistry } from "./registry-under-test.ts";
import { scaleChecks } from "./scale.ts";

/** Defines the tests of a registry. */
export function keepsTheContract(registry: RegistryUnderTest): void {
  suite(`contract: ${registry.name}`, () => {
    let started: StartedRegistry | undefined;
    before(async () => {
      started = await registry.start();
    });
    after(() => started?.stop());

    const define = (checks: readonly Check[]) => {
      for (const check of checks) {
        if (registry.leftOut[check.name] !== undefined) continue;
        test(`${check.name}: ${check.says}`, { timeout: 120_000 }, async (t) => {
          await check.run(sceneOf(t, registry, started ?? assert.fail("the server did not start")));
        });
      }
    };
    // These wait for leases, each with a service of its own.
    suite("registered", { concurrency: true }, () => define(registeringChecks));
    suite("read", () => define(scaleChecks));
    suite("failing", () => define(faultChecks));

    test("what is left out, and why", (t) => {
      for (const [name, reason] of Object.entries(registry.leftOut)) t.diagnostic(`${name}: ${reason}`);
    });
  });
}
