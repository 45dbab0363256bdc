/**
 * Thrown by compiled code that meets what it was not compiled for: a value of another type, a malformed
 * or merely unusual encoding. The codec then asks protobuf-es, which knows the answer or the right error.
 * One object for all, so that throwing captures no stack; nobody sees it.
 */
export const giveUp = new Error("the compiled codec gives up");
