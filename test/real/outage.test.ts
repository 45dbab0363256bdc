/** The promise in full: a minute without a control plane, under load. */
import "../kit/trap.ts";
import { test } from "node:test";
import { surviveOutage } from "../mesh/outage.ts";

test("the control plane is gone for 60 s under load, and an instance dies meanwhile", (t) =>
  surviveOutage(t, 60_000));
