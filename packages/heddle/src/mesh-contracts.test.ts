import assert from "node:assert/strict";
import { test } from "node:test";
import { Code, ConnectError } from "@connectrpc/connect";
import { methodOf } from "./contract/method.ts";
import { Echo } from "./contract/echo-service.test.ts";
import { servedContract } from "./discovery/contract-hash.ts";
import type { ContractLedger, UsageReport } from "./discovery/contract-ledger.ts";
import { MeshContracts, type MeshContractsOptions } from "./mesh-contracts.ts";
import { createRuntime } from "./runtime/runtime.ts";
import { createVirtualTime } from "./runtime/timer.ts";

const contract = servedContract([Echo], "annotations");

function setUp(
  answer: () => Promise<readonly string[]>,
  settings: MeshContractsOptions["settings"] = { reportEveryMs: 1_000 },
) {
  const time = createVirtualTime();
  const reports: UsageReport[] = [];
  const published: string[] = [];
  const ledger: ContractLedger = {
    report(report) {
      reports.push(report);
      return answer();
    },
    async publish({ hash }) {
      published.push(hash);
    },
  };
  const contracts = new MeshContracts({
    service: "web",
    instance: "web-1",
    ledgers: [ledger],
    runtime: createRuntime({ clock: time, timers: time }),
    settings,
  });
  const call = () => {
    const [method] = Echo.methods;
    assert.ok(method);
    if (contracts.usage?.of(methodOf(method))?.count() === true)
      contracts.usage.of(methodOf(method))?.sample();
  };
  const pass = (ms: number) => time.run(new Promise<void>((resolve) => void time.after(ms, resolve)));
  return { pass, reports, published, contracts, call };
}

test("what is served and used is told, and a contract that is asked for is handed over", async () => {
  const { pass, reports, published, contracts, call } = setUp(async () => [contract.hash, "0".repeat(16)]);
  contracts.serves(contract);
  call();
  await pass(1_100);
  assert.deepEqual(reports[0]?.contracts, [contract.hash]);
  assert.deepEqual(
    reports[0]?.methods.map(({ calls }) => calls),
    [1],
  );
  assert.deepEqual(published, [contract.hash]);
  await pass(1_100);
  assert.deepEqual(reports[1]?.methods, []);
  await contracts[Symbol.asyncDispose]();
});

test("what was not heard is told again, and what is left is told at the end", async () => {
  let down = true;
  const { pass, reports, contracts, call } = setUp(async () => {
    if (down) throw new ConnectError("it is away", Code.Unavailable);
    return [];
  });
  contracts.start();
  call();
  await pass(1_100);
  down = false;
  call();
  await pass(1_100);
  const told = reports[1]?.methods.reduce((sum, { calls }) => sum + calls, 0);
  assert.equal(told, 2);
  call();
  await contracts[Symbol.asyncDispose]();
  assert.deepEqual(
    reports.at(-1)?.methods.map(({ calls }) => calls),
    [1],
  );
  await pass(5_000);
  assert.equal(reports.length, 3);
});

test("what is refused for itself is not told again", async () => {
  const { pass, reports, contracts, call } = setUp(async () => {
    throw new ConnectError("too much", Code.ResourceExhausted);
  });
  contracts.start();
  call();
  await pass(2_200);
  assert.deepEqual(
    reports.map(({ methods }) => methods.length),
    [1, 0],
  );
  await contracts[Symbol.asyncDispose]();
});

test("a control plane that has no place for it is left alone for a while", async () => {
  const { pass, reports, contracts } = setUp(async () => {
    throw new ConnectError("unknown service", Code.Unimplemented);
  });
  contracts.start();
  await pass(60_000);
  assert.equal(reports.length, 1);
  await contracts[Symbol.asyncDispose]();
});

test("nothing is told before a registry is used, nor when it is switched off", async () => {
  const unused = setUp(async () => []);
  const off = setUp(async () => [], false);
  off.contracts.serves(contract);
  assert.equal(off.contracts.usage, undefined);
  await Promise.all([unused.pass(60_000), off.pass(60_000)]);
  for (const { contracts, reports } of [unused, off]) {
    await contracts[Symbol.asyncDispose]();
    assert.deepEqual(reports, []);
  }
});

test("a pause that makes no sense is refused", () => {
  assert.throws(() => setUp(async () => [], { reportEveryMs: 1 }), /contractUsage\.reportEveryMs/);
  assert.throws(() => setUp(async () => [], { sampleEvery: 0 }), /contractUsage\.sampleEvery/);
});
