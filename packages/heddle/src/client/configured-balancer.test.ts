/** Whatever balancer a config may name can be made, so that no client fails over what the control plane took. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { balancerPolicyNames, createBalancer } from "../balance/policies.ts";
import { balancerFields } from "../policy/balancer-fields.ts";
import { arbitraryServiceConfig } from "../policy/service-config-arbitrary.test.ts";
import { createSeededRandom } from "../runtime/random.ts";
import { configuredBalancer } from "./configured-balancer.ts";
import { createVirtualClient } from "./virtual-client.test.ts";

test("every built-in balancer may be named in a config", () => {
  assert.deepEqual(Object.keys(balancerFields).toSorted(), balancerPolicyNames.toSorted());
});

test("a name and a name with settings make the policy of that name", () => {
  const random = createSeededRandom(1);
  for (const name of balancerPolicyNames) {
    assert.equal(createBalancer(configuredBalancer(name), { random }).name, name);
    assert.equal(createBalancer(configuredBalancer({ [name]: {} }), { random }).name, name);
  }
  const fullScanUpTo = { peak_ewma: { fullScanUpTo: 3 } };
  assert.equal(createBalancer(configuredBalancer(fullScanUpTo), { random }).name, "peak_ewma");
});

test("any config that is valid makes a client", () => {
  fc.assert(
    fc.property(arbitraryServiceConfig(), (serviceConfig) => {
      using client = createVirtualClient({ target: "memory:none", serviceConfig });
      assert.deepEqual(client.channel.describe().serviceConfig, { from: "code", config: serviceConfig });
    }),
    { numRuns: 300 },
  );
});
