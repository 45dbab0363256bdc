/** Several processes listen at one port, and the system shares the connections out. */
import "../kit/trap.ts";
import assert from "node:assert/strict";
import { test } from "node:test";
import { connectTo, startEcho } from "../kit/running.ts";
import { startServerProcess } from "../kit/processes.ts";

const skip = process.platform === "linux" ? false : "only Linux shares connections out";

test("two processes at one port both get calls, and one carries on alone", { skip }, async (t) => {
  const one = await startServerProcess(t, "one", { reusePort: true });
  const two = await startServerProcess(t, "two", { reusePort: true, listen: one.address });
  assert.equal(two.address, one.address);
  const answered = new Set<string>();
  // Each client has a connection of its own; that all of 64 go to one process happens once in 2^63 runs.
  for (let i = 0; i < 64 && answered.size < 2; i++) {
    const { echo } = await connectTo(t, one.address).unary({});
    answered.add(echo?.instance ?? "");
  }
  assert.deepEqual([...answered].toSorted(), ["one", "two"]);
  await one.kill();
  const { echo } = await connectTo(t, two.address).unary({});
  assert.equal(echo?.instance, "two");
});

test("without the option the second one is told that the port is taken", async (t) => {
  const { address } = await startEcho(t);
  await assert.rejects(startEcho(t, { listen: address }), { heddleCode: "HDL-1004" });
});

test("it is for ports", async (t) => {
  await assert.rejects(startEcho(t, { listen: "memory:reuse", reusePort: true }), { heddleCode: "HDL-1004" });
});
