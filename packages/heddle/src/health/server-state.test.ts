import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { ServerState, type ServingStatus } from "./server-state.ts";

const ORDERS = "shop.v1.OrderService";
const CARTS = "shop.v1.CartService";

describe("the state of a server", () => {
  it("goes from starting to ready, to unready and back, and leaves for good", () => {
    const state = new ServerState([ORDERS]);
    const phases: string[] = [];
    state.observe(() => phases.push(`${state.phase}: ${state.reason}`));
    assert.deepEqual(
      [state.phase, state.statusOf(""), state.reason],
      ["starting", "not_serving", "it is starting"],
    );
    state.started();
    state.hold("database", "no connection");
    state.hold("database", "no answer");
    state.hold("cache", "cold");
    state.release("database");
    state.release("cache");
    state.drain("SIGTERM");
    state.release("cache");
    state.drain("again");
    state.stop("closed");
    assert.deepEqual(phases, [
      "ready: ",
      "unready: no connection",
      "unready: no answer",
      "unready: no answer; cold",
      "unready: cold",
      "ready: ",
      "draining: SIGTERM",
      "stopped: SIGTERM",
    ]);
  });

  it("is starting until it has been ready once, whatever holds it up", () => {
    const state = new ServerState([ORDERS]);
    state.hold("cache", "cold");
    state.started();
    assert.deepEqual([state.phase, state.reason], ["starting", "cold"]);
    state.release("cache");
    assert.equal(state.phase, "ready");
  });

  it("has a status for each service and for the whole", () => {
    const state = new ServerState([ORDERS, CARTS]);
    state.started();
    state.set(ORDERS, "not_serving");
    assert.deepEqual(
      ["", ORDERS, CARTS, "shop.v1.Unknown"].map((name) => state.statusOf(name)),
      ["serving", "not_serving", "serving", undefined],
    );
    state.set(CARTS, "not_serving");
    assert.equal(state.statusOf(""), "not_serving", "nothing of it serves");
    state.set("shop.v1.Unknown", "serving");
    assert.equal(state.statusOf(""), "serving");
    assert.deepEqual([...state.statuses.keys()], ["", ORDERS, CARTS, "shop.v1.Unknown"]);
  });

  it("serves nothing unless it is ready, remembers what was set, and without services is as its phase", () => {
    const state = new ServerState([]);
    state.set(ORDERS, "serving");
    assert.equal(state.statusOf(ORDERS), "not_serving");
    state.started();
    assert.equal(state.statusOf(ORDERS), "serving");
    assert.equal(new ServerState([]).statusOf(""), "not_serving");
  });

  it("tells each visible change once, and no other, to those who still listen", () => {
    const state = new ServerState([ORDERS]);
    let told = 0;
    const forget = state.observe(() => told++);
    state.started();
    state.started();
    state.set(ORDERS, "serving");
    state.release("nobody");
    assert.equal(told, 1);
    forget();
    state.drain("leaving");
    assert.equal(told, 1);
  });

  it("obeys its rules after any history", () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant("hold" as const), name: fc.constantFrom("a", "b") }),
      fc.record({ do: fc.constant("release" as const), name: fc.constantFrom("a", "b") }),
      fc.record({
        do: fc.constant("set" as const),
        service: fc.constantFrom(ORDERS, CARTS),
        status: fc.constantFrom<ServingStatus>("serving", "not_serving"),
      }),
      fc.record({ do: fc.constantFrom("started" as const, "drain" as const, "stop" as const) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const state = new ServerState([ORDERS, CARTS]);
        const held = new Set(["start"]);
        const set = new Map<string, ServingStatus>([
          [ORDERS, "serving"],
          [CARTS, "serving"],
        ]);
        let leaving = false;
        let order = 0;
        for (const next of steps) {
          if (next.do === "hold") {
            state.hold(next.name, next.name);
            held.add(next.name);
          } else if (next.do === "release") {
            state.release(next.name);
            held.delete(next.name);
          } else if (next.do === "set") {
            state.set(next.service, next.status);
            set.set(next.service, next.status);
          } else if (next.do === "started") {
            state.started();
            held.delete("start");
          } else {
            state[next.do]("leaving");
            leaving = true;
          }
          const ready: boolean = !leaving && held.size === 0;
          assert.equal(state.phase === "ready", ready);
          for (const [service, status] of set)
            assert.equal(state.statusOf(service), ready ? status : "not_serving");
          assert.equal(state.statusOf("") === "serving", ready && [...set.values()].includes("serving"));
          const now = ["starting", "ready", "unready", "draining", "stopped"].indexOf(state.phase);
          assert.ok(now >= order || (now === 1 && order === 2), `${order} → ${now}`);
          order = now;
        }
      }),
    );
  });
});
