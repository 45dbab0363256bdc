import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { RetryThrottle } from "./retry-throttle.ts";

describe("RetryThrottle", () => {
  it("allows retries while more than half of the tokens are there, as gRPC's example of 10 and 0.1", () => {
    const throttle = new RetryThrottle({ maxTokens: 10, tokenRatio: 0.1 });
    for (let failure = 0; failure < 4; failure++) throttle.failed();
    assert.equal(throttle.allows, true);
    throttle.failed();
    assert.equal(throttle.allows, false, "half is not more than half");
    throttle.succeeded();
    assert.equal(throttle.allows, true);
  });

  it("comes back from nothing, and does not save up", () => {
    const throttle = new RetryThrottle({ maxTokens: 4, tokenRatio: 0.5 });
    for (let failure = 0; failure < 100; failure++) throttle.failed();
    for (let success = 0; success < 4; success++) throttle.succeeded();
    assert.equal(throttle.allows, false);
    for (let success = 0; success < 100; success++) throttle.succeeded();
    throttle.failed();
    throttle.failed();
    assert.equal(throttle.allows, false, "four tokens less two");
  });

  it("counts three decimals exactly", () => {
    const throttle = new RetryThrottle({ maxTokens: 2, tokenRatio: 0.29 });
    throttle.failed();
    throttle.failed();
    for (let success = 0; success < 3; success++) throttle.succeeded();
    assert.equal(throttle.allows, false);
    throttle.succeeded();
    assert.equal(throttle.allows, true);
  });

  it("refuses settings that make no sense", () => {
    for (const maxTokens of [0, -1, 1001, Number.NaN])
      assert.throws(() => new RetryThrottle({ maxTokens, tokenRatio: 1 }), RangeError);
    for (const tokenRatio of [0, -1, Number.NaN])
      assert.throws(() => new RetryThrottle({ maxTokens: 1, tokenRatio }), RangeError);
  });

  it("never allows more failed retries in a row than half its tokens", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1000 }), fc.array(fc.boolean()), (maxTokens, before) => {
        const throttle = new RetryThrottle({ maxTokens, tokenRatio: 0.1 });
        for (const good of before) good ? throttle.succeeded() : throttle.failed();
        let inARow = 0;
        for (; throttle.allows; inARow++) throttle.failed();
        assert.ok(inARow <= Math.ceil(maxTokens / 2));
      }),
    );
  });
});
