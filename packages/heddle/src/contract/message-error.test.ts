import assert from "node:assert/strict";
import { test } from "node:test";
import { Code } from "@connectrpc/connect";
import { HeddleError } from "../call/errors.ts";
import { toMessageError } from "./message-error.ts";

test("a catalogue error stays; anything else says that the message cannot be decoded", () => {
  const tooLarge = new HeddleError("messageTooLarge", { bytes: 11, limit: 10, direction: "received" });
  assert.equal(toMessageError(tooLarge, "a.B/C"), tooLarge);
  const cause = new RangeError("premature EOF");
  const invalid = toMessageError(cause, "a.B/C");
  assert.deepEqual([invalid.reason, invalid.code, invalid.cause], ["messageInvalid", Code.Internal, cause]);
  assert.match(invalid.rawMessage, /^message of a\.B\/C cannot be decoded: premature EOF/);
});
