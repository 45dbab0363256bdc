import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { type DescriptorProto, DescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient, type HandlerContext } from "@connectrpc/connect";
import { createTransport } from "../../client/transport.ts";
import { Echo } from "../../contract/echo-service.test.ts";
import { servedContract } from "../../discovery/contract-hash.ts";
import {
  ContractSchema,
  ContractService,
  ListUsageRequestSchema,
  PublishContractRequestSchema,
  ReportUsageRequestSchema,
} from "../../gen/heddle/contract/v1/contract_pb.ts";
import { createVirtualTime } from "../../runtime/virtual-time.ts";
import { createHeddleLedger } from "../agent/heddle-ledger.ts";
import { openContractKeeper } from "./contract-keeper.ts";
import { createContractService } from "./contract-service.ts";
import { ContractStore, DAY_MS } from "./contract-store.ts";
import { startControlPlane } from "./plane.ts";

const NOON = Date.UTC(2026, 2, 1, 12);

function report(
  service: string,
  methods: NonNullable<MessageInitShape<typeof ReportUsageRequestSchema>["methods"]>,
) {
  return create(ReportUsageRequestSchema, { service, instance: `${service}-1`, methods });
}

function used(method: string, calls: number, ...fields: string[]) {
  const n = BigInt(calls);
  return { method, calls: n, sampledCalls: n, fields: fields.map((field) => ({ field, readIn: n })) };
}

test("counts of one day add up, days stand apart, and old ones go", () => {
  const store = new ContractStore({ maxDays: 2 });
  store.report(report("web", [used("a.B/C", 2, "a.D.e")]), NOON);
  store.report(report("web", [used("a.B/C", 3, "a.D.e", "a.D.f")]), NOON + 1_000);
  store.report(report("web", [used("a.B/C", 4)]), NOON + DAY_MS);
  const rows = () =>
    [...store.rows].map(({ day, usage }) => [
      day,
      Number(usage.calls),
      ...usage.fields.map(({ field, readIn }) => `${field} ${readIn}`),
    ]);
  assert.deepEqual(rows(), [
    ["2026-03-01", 5, "a.D.e 5", "a.D.f 3"],
    ["2026-03-02", 4],
  ]);
  store.report(report("web", []), NOON + 2 * DAY_MS);
  assert.deepEqual(rows(), [["2026-03-02", 4]]);
  assert.equal([...store.reporters].length, 1);
});

test("counts stay what the wire can hold, whatever somebody says that it counted", () => {
  const store = new ContractStore();
  const most = 2n ** 64n - 1n;
  const usage = {
    method: "a.B/C",
    calls: most,
    sampledCalls: most,
    fields: [{ field: "a.D.e", readIn: most }],
  };
  store.report(report("web", [usage]), NOON);
  store.report(report("web", [usage]), NOON);
  assert.equal([...store.rows][0]?.usage.fields[0]?.readIn, most);
  assert.equal(store.takeChanges().length, 1);
});

test("no row grows without end: it is written whole", () => {
  const store = new ContractStore({ maxRowFields: 2 });
  store.report(report("web", [used("a.B/C", 1, "a.D.a", "a.D.b", "a.D.c"), used("a.B/D", 1, "a.D.d")]), NOON);
  const cut = [...store.rows].map(({ usage }) => [usage.fields.length, usage.fieldsCut]);
  assert.deepEqual(cut, [
    [2, true],
    [1, false],
  ]);
  assert.equal(store.incomplete, false);
});

test("what cannot be written is told, and no rejection that nobody awaits", async () => {
  const time = createVirtualTime();
  const contracts = new ContractStore();
  contracts.takeChanges = () => {
    throw new Error("it cannot be encoded");
  };
  const warnings: string[] = [];
  const keeper = await openContractKeeper({
    contracts,
    store: { load: async () => [], write: async () => {} },
    timers: time,
    onWarning: (message) => warnings.push(message),
  });
  keeper.changed();
  time.advance(60_000);
  await keeper[Symbol.asyncDispose]();
  assert.deepEqual(warnings, ["it cannot be encoded; usage is not kept"]);
});

test("what a hostile instance says of contracts is refused before it costs time", async () => {
  const service = createContractService({
    store: new ContractStore(),
    clock: { now: () => 0, wallMs: () => NOON },
    onChange() {},
  });
  const context = {} as HandlerContext;
  const publish = (services: readonly string[], ...messageType: readonly DescriptorProto[]) =>
    service.publishContract(
      create(PublishContractRequestSchema, {
        hash: "0".repeat(16),
        contract: {
          services: [...services],
          descriptorSet: toBinary(
            FileDescriptorSetSchema,
            create(FileDescriptorSetSchema, { file: [{ name: "a.proto", messageType: [...messageType] }] }),
          ),
        },
      }),
      context,
    );
  const named = (name: string) => create(DescriptorProtoSchema, { name });
  assert.throws(
    () => publish(Array.from({ length: 100_000 }, () => "a.S")),
    /contract.services: more than 1000/,
  );
  const outer = create(DescriptorProtoSchema, {
    name: "M",
    nestedType: Array.from({ length: 60_000 }, (_, i) => named(`M${i}`)),
  });
  assert.throws(() => publish([], outer), /it has more than 50000 descriptors/);
  const listed = await service.listUsage(create(ListUsageRequestSchema, { days: 2 ** 32 - 1 }), context);
  assert.deepEqual(listed.rows, []);
});

test("what has no place is dropped, and that is said", () => {
  const store = new ContractStore({ maxRows: 2, maxFields: 2, maxDays: 2 });
  store.report(report("web", [used("a.B/C", 1, "a.D.a", "a.D.b", "a.D.c"), used("a.B/D", 1)]), NOON);
  assert.deepEqual([[...store.rows].length, store.incomplete], [2, true]);
  assert.equal([...store.rows][0]?.usage.fieldsCut, true);
  store.report(report("web", [used("a.B/E", 1)]), NOON);
  assert.equal([...store.rows].length, 2);
  store.report(report("web", []), NOON + 2 * DAY_MS);
  assert.deepEqual([[...store.rows].length, store.incomplete], [0, false]);
});

test("of too many contracts the one goes that nobody has named for longest", () => {
  const store = new ContractStore({ maxContracts: 2 });
  for (const hash of ["a", "b"]) store.putContract(hash, create(ContractSchema, {}));
  assert.deepEqual(store.unknownOf(["a", "x"]), ["x"]);
  store.putContract("c", create(ContractSchema, {}));
  assert.deepEqual(store.unknownOf(["a", "b", "c"]), ["b"]);
});

test("instances that do not report for a day are forgotten, the oldest first when there are too many", () => {
  const store = new ContractStore({ maxReporters: 2 });
  for (const service of ["a", "b", "c"]) store.report(report(service, []), NOON);
  assert.deepEqual(
    [...store.reporters].map(({ service }) => service),
    ["b", "c"],
  );
  store.report(report("d", []), NOON + DAY_MS + 1);
  assert.deepEqual(
    [...store.reporters].map(({ service }) => service),
    ["d"],
  );
});

test("what is used is there again after a restart, with its contracts", async () => {
  const data = await mkdtemp(join(tmpdir(), "heddle-contracts-"));
  const contract = servedContract([Echo], "annotations");
  try {
    for (const calls of [1n, 2n]) {
      await using plane = await startControlPlane({ listen: "127.0.0.1:0", data, warmUpMs: 0 });
      await using transport = createTransport({ target: `static:///${plane.address}` });
      const client = createClient(ContractService, transport);
      const method = "heddle.unit.Echo/Say";
      const fields = new Map([["a.B.c", { readIn: 1, setIn: 0 }]]);
      const methods = [
        { method, json: false, calls: 1, restCalls: 1, sampledCalls: 1, fields, fieldsCut: false },
      ];
      const ledger = createHeddleLedger(client);
      const wanted = await ledger.report(
        { service: "web", instance: "web-1", contracts: [contract.hash], methods },
        3_000,
      );
      assert.deepEqual(wanted, calls === 1n ? [contract.hash] : []);
      if (calls === 1n) await ledger.publish(contract, 3_000);
      const { rows } = await client.listUsage({});
      assert.deepEqual(
        [rows[0]?.usage?.calls, rows[0]?.usage?.restCalls, rows[0]?.usage?.fields[0]?.readIn],
        [calls, calls, calls],
      );
      assert.deepEqual((await client.listUsage({ services: ["other.Service"] })).rows, []);
      const { contract: kept } = await client.getContract({ hash: contract.hash });
      assert.deepEqual(kept?.services, ["heddle.unit.Echo"]);
    }
  } finally {
    await rm(data, { recursive: true, force: true });
  }
});

test("what is no report and no contract is refused by name", async () => {
  await using plane = await startControlPlane({ listen: "127.0.0.1:0", warmUpMs: 0 });
  await using transport = createTransport({ target: `static:///${plane.address}` });
  const client = createClient(ContractService, transport);
  const contract = servedContract([Echo], "annotations");
  const cases: readonly (readonly [() => Promise<unknown>, Code, RegExp])[] = [
    [() => client.reportUsage({ instance: "a" }), Code.InvalidArgument, /^service: must not be empty/],
    [
      () => client.reportUsage({ service: "a", instance: "a", contracts: ["x"] }),
      Code.InvalidArgument,
      /^contracts: a hash is/,
    ],
    [
      () => client.reportUsage({ service: "a", instance: "a", methods: [{ method: "x" }] }),
      Code.InvalidArgument,
      /^methods\.method: "x" has no slash/,
    ],
    [
      () =>
        client.reportUsage({ service: "a", instance: "a", methods: [{ method: "x/y", sampledCalls: 2n }] }),
      Code.InvalidArgument,
      /sampled_calls/,
    ],
    [
      () => client.reportUsage({ service: "a", instance: "a", methods: [{ method: "x/y", restCalls: 2n }] }),
      Code.InvalidArgument,
      /rest_calls/,
    ],
    [
      () => client.publishContract({ hash: contract.hash }),
      Code.InvalidArgument,
      /^contract: must not be empty/,
    ],
    [
      () =>
        client.publishContract({
          hash: contract.hash,
          contract: { descriptorSet: new Uint8Array([1, 2, 3]) },
        }),
      Code.InvalidArgument,
      /^contract: /,
    ],
    [
      () =>
        client.publishContract({
          hash: "0".repeat(16),
          contract: { descriptorSet: contract.image(), services: ["heddle.unit.Echo"] },
        }),
      Code.InvalidArgument,
      new RegExp(`^hash: that of this contract is ${contract.hash}`),
    ],
    [() => client.getContract({ hash: "0".repeat(16) }), Code.NotFound, /there is no contract/],
  ];
  for (const [call, code, text] of cases)
    await assert.rejects(call, (error: unknown) => {
      const { code: found, rawMessage } = ConnectError.from(error);
      assert.match(rawMessage, text);
      return found === code;
    });
});
