import type { Duplex } from "node:stream";

/** Closes a stream that nobody looks after any more. One that is destroyed may still report its error. */
export function dropSocket(socket: Duplex): void {
  socket.on("error", () => {});
  socket.destroy();
}
