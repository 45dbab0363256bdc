/** What a call says of itself that one instance kept waiting and another one answered. */
import type { CallRecord } from "heddle";
import assert from "node:assert/strict";

export function assertHedged(records: readonly CallRecord[], slow: string, quick: string): void {
  // On a busy machine the quick one may be hedged as well.
  const hedged = records.find(({ attempts: [first] }) => first?.address === slow && first.hedge !== true);
  assert.deepEqual(
    hedged?.attempts.map(({ address, status, hedge }) => [address, status, hedge ?? false]),
    [
      [slow, "CANCELLED", false],
      [quick, "OK", true],
    ],
  );
}
