/** How the runner talks to the programs that it starts: each message behind its length, 4 bytes big-endian. */
import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";

/** The messages that come in on standard input, until it ends. */
export async function* readMessages<Desc extends DescMessage>(
  desc: Desc,
): AsyncGenerator<MessageShape<Desc>, void, undefined> {
  let buffered = Buffer.alloc(0);
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    buffered = Buffer.concat([buffered, chunk]);
    let start = 0;
    for (; buffered.length - start >= 4; ) {
      const end = start + 4 + buffered.readUInt32BE(start);
      if (buffered.length < end) break;
      yield fromBinary(desc, buffered.subarray(start + 4, end));
      start = end;
    }
    buffered = buffered.subarray(start);
  }
}

/** Writes one message to standard output, in a single write: answers that end at the same time do not mix. */
export function writeMessage<Desc extends DescMessage>(desc: Desc, init: MessageInitShape<Desc>): void {
  const bytes = toBinary(desc, create(desc, init));
  const framed = Buffer.alloc(4 + bytes.length);
  framed.writeUInt32BE(bytes.length);
  framed.set(bytes, 4);
  process.stdout.write(framed);
}
