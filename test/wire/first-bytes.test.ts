/** A port that speaks three protocols says nothing to a client that speaks none of them: it could only be misread. */
import "../kit/trap.ts";
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { test } from "node:test";
import { startEcho } from "../kit/running.ts";
import { within } from "../kit/within.ts";

for (const [what, words] of [
  ["a preface that is none", "INVALID CONNECTION PREFACE\r\n\r\n"],
  ["another protocol", "*1\r\n$4\r\nPING\r\n"],
  ["a method that nobody has", "FETCH / HTTP/1.1\r\nhost: a\r\n\r\n"],
] as const) {
  test(`${what}: closed without a word`, async (t) => {
    const errors: string[] = [];
    const { address } = await startEcho(t, { onPeerError: ({ message }) => void errors.push(message) });
    const socket = connect(Number(address.split(":")[1]), "127.0.0.1");
    let answer = "";
    socket.on("data", (chunk: Buffer) => (answer += chunk.toString("latin1")));
    socket.write(words);
    await within(once(socket, "close"), "the end of the connection");
    assert.equal(answer, "");
    assert.match(errors.join("\n"), /no protocol of this port begins with/);
  });
}
