/**
 * Reads a file in a folder into which others write too. Such a folder may hold anything under the expected name, also a
 * FIFO: to open one waits until somebody writes into it, and each such wait takes one of the few threads on which Node does
 * all work with files and names. And what was small when it was looked at may have grown since.
 */
import { constants } from "node:fs";
import { open } from "node:fs/promises";

/** Throws for what is no regular file, and for one that is larger than `maxBytes`. Follows symbolic links. */
export async function readRegularFile(path: string, maxBytes: number): Promise<string> {
  const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  try {
    const { size, isFile } = await file
      .stat()
      .then((found) => ({ size: found.size, isFile: found.isFile() }));
    if (!isFile) throw new Error(`${path} is no regular file`);
    if (size > maxBytes) throw new Error(`${path} is larger than ${maxBytes} bytes`);
    const bytes = Buffer.alloc(size);
    let length = 0;
    while (length < size) {
      const { bytesRead } = await file.read(bytes, length, size - length, length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    return bytes.toString("utf8", 0, length);
  } finally {
    await file.close();
  }
}
