/** Text that comes in pieces, line by line: how Kubernetes writes a watch. Bytes of one character may come apart. */

/**
 * The lines of UTF-8 text without their ends ("\n" or "\r\n"), empty ones left out; the last needs no end. Throws when
 * a line is longer than `maxLength` characters.
 */
export async function* readLines(
  chunks: AsyncIterable<Uint8Array>,
  maxLength: number,
): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  /** The line that isn't complete, in the pieces in which it came: joined once. */
  let begun: string[] = [];
  let begunLength = 0;

  const take = (last: string): string => {
    const line = begun.length === 0 ? last : begun.join("") + last;
    begun = [];
    begunLength = 0;
    return line.endsWith("\r") ? line.slice(0, -1) : line;
  };

  for await (const chunk of chunks) {
    const text = decoder.decode(chunk, { stream: true });
    let from = 0;
    for (let end = text.indexOf("\n"); end !== -1; end = text.indexOf("\n", from)) {
      const line = take(text.slice(from, end));
      from = end + 1;
      if (line !== "") yield line;
    }
    if (from === text.length) continue;
    begun.push(text.slice(from));
    begunLength += text.length - from;
    if (begunLength > maxLength) throw new Error(`a line is longer than ${maxLength} characters`);
  }
  const rest = take(decoder.decode());
  if (rest !== "") yield rest;
}
