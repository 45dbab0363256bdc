/** A caller that does not read stops the handler, whatever the protocol and the version of HTTP, and goes on later. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { request as http1Request } from "node:http";
import { connect } from "node:http2";
import type { Readable } from "node:stream";
import { test } from "node:test";
import { until } from "../../connection/scripted-peer.test.ts";
import { Echo } from "../../contract/echo-service.test.ts";
import { encodeBase64 } from "../../wire/base64-text.ts";
import { writeEnvelope } from "../../wire/envelope-writer.ts";
import { implement } from "../implement.ts";
import { createServer } from "../server.ts";

const ANSWERS = 200;
const ANSWER_BYTES = 100_000;
/** So many turns of the event loop without a new answer: the handler waits. */
const STILL_TURNS = 200;
const path = "/heddle.unit.Echo/List";
const body = writeEnvelope(0, new Uint8Array(0));

const types: Readonly<Record<string, Uint8Array>> = {
  "application/connect+proto": body,
  "application/connect+json": writeEnvelope(0, new TextEncoder().encode('""')),
  "application/grpc-web": body,
  "application/grpc-web-text": encodeBase64(body),
};

interface Asked {
  readonly answer: Readable;
  close(): void;
}

function askHttp2(address: string, type: string, bytes: Uint8Array): Asked {
  const session = connect(`http://${address}`);
  const answer = session.request({ ":method": "POST", ":path": path, "content-type": type });
  answer.end(bytes);
  return { answer, close: () => session.destroy() };
}

async function askHttp1(address: string, type: string, bytes: Uint8Array): Promise<Asked> {
  const [host = "", port] = address.split(":");
  const request = http1Request({ host, port, path, method: "POST", headers: { "content-type": type } });
  request.end(bytes);
  const [answer] = (await once(request, "response")) as [Readable];
  return { answer, close: () => request.destroy() };
}

for (const [version, ask] of Object.entries({ "HTTP/2": askHttp2, "HTTP/1.1": askHttp1 })) {
  for (const [type, bytes] of Object.entries(types)) {
    test(`${type} over ${version}`, { timeout: 30_000 }, async () => {
      let given = 0;
      await using server = await createServer({
        services: [
          implement(Echo, {
            async *list() {
              while (given < ANSWERS) {
                given++;
                yield { value: new Uint8Array(ANSWER_BYTES) };
              }
            },
          }),
        ],
      });
      const { answer, close } = await ask(server.address, type, bytes);
      try {
        let before = -1;
        let still = 0;
        await until(() => {
          still = given > 0 && given === before ? still + 1 : 0;
          before = given;
          return still === STILL_TURNS;
        });
        assert.ok(given < ANSWERS / 2, `${given} answers were made for a caller that reads nothing`);
        let received = 0;
        for await (const chunk of answer) received += (chunk as Uint8Array).length;
        assert.equal(given, ANSWERS);
        assert.ok(received > ANSWERS * ANSWER_BYTES);
      } finally {
        close();
      }
    });
  }
}
