// Loaded before every test file. The properties of fast-check draw the same values in each run: one that fails does
// so again, and that one passes is not luck. scripts/test.mjs says which seed; with none it is the same as there.

import fc from "fast-check";

fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(process.env.HEDDLE_TEST_SEED ?? 1) });
