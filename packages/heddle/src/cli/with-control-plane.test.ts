import assert from "node:assert/strict";
import { test } from "node:test";
import { createClient } from "@connectrpc/connect";
import { startControlPlane } from "../control/plane/plane.ts";
import { ContractService } from "../gen/heddle/contract/v1/contract_pb.ts";
import { withControlPlane } from "./with-control-plane.ts";

test("what a control plane keeps of a large mesh can be asked for", async () => {
  await using plane = await startControlPlane({ listen: "127.0.0.1:0" });
  let told = 0;
  const code = await withControlPlane("contract", plane.address, async (transport) => {
    const contracts = createClient(ContractService, transport);
    const fields = Array.from({ length: 2_000 }, (_, i) => ({ field: `${"f".repeat(240)}${i}`, readIn: 1n }));
    for (let i = 0; i < 10; i++)
      await contracts.reportUsage({
        service: "web",
        instance: "web-1",
        methods: [{ method: `a.B/C${i}`, calls: 1n, sampledCalls: 1n, fields }],
      });
    const { rows } = await contracts.listUsage({});
    told = rows.reduce((sum, { usage }) => sum + (usage?.fields.length ?? 0), 0);
    return 0;
  });
  assert.deepEqual([code, told], [0, 20_000]);
});
