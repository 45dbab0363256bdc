/** The promise in full: two minutes without a control plane, under load. */
import "../kit/trap.ts";
import { test } from "node:test";
import { surviveOutage } from "../mesh/outage.ts";

test("the control plane is gone for two minutes under load, an instance dies meanwhile, a caller starts meanwhile", (t) =>
  surviveOutage(t, 120_000));
