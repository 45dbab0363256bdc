import "../kit/trap.ts";
import { test } from "node:test";
import { surviveRestarts } from "./rolling-restart.ts";

test("every instance is restarted under load, one of them is killed: no idempotent call fails", (t) =>
  surviveRestarts(t, { instances: 4, restarts: 1, seed: 1 }));
