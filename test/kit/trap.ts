/**
 * Import for its effect: a rejection that nobody handles, or a process warning such as a listener leak, fails the
 * test file, whichever path it came from.
 */
import { after } from "node:test";

const found: unknown[] = [];
process.on("unhandledRejection", (reason) => found.push(reason));
process.on("warning", (warning) => {
  if (warning.name === "MaxListenersExceededWarning") found.push(warning);
});
after(() => {
  if (found.length > 0)
    throw new AggregateError(found, `${found.length} rejections or warnings that nobody handled`);
});
