import assert from "node:assert/strict";
import { test } from "node:test";
import { Code } from "@connectrpc/connect";
import { toMessageError } from "./message-error.ts";

test("a message that expands past the limit is too large; anything else cannot be decoded", () => {
  const tooLarge = toMessageError(new RangeError("expands to more than 10 bytes"), "a.B/C", 10);
  assert.equal(tooLarge.reason, "messageTooLarge");
  assert.equal(tooLarge.code, Code.ResourceExhausted);
  assert.match(tooLarge.rawMessage, /^message of over 10 bytes is over the limit of 10 bytes/);
  const cause = new RangeError("premature EOF");
  const invalid = toMessageError(cause, "a.B/C", 10);
  assert.deepEqual([invalid.reason, invalid.code, invalid.cause], ["messageInvalid", Code.Internal, cause]);
  assert.equal(toMessageError(cause, "a.B/C", 10, Code.InvalidArgument).code, Code.InvalidArgument);
});
