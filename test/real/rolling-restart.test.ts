/** The promise in full: each of five instances is restarted twenty times, ten of the hundred restarts by SIGKILL. */
import "../kit/trap.ts";
import { test } from "node:test";
import { surviveRestarts } from "../resilience/rolling-restart.ts";

test("every instance is restarted 20 times under 80 % load, a tenth by SIGKILL: no idempotent call fails", (t) =>
  surviveRestarts(t, { instances: 5, restarts: 20, seed: 1 }));
