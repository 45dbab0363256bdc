/**
 * Thrown by compiled code that meets what it was not compiled for: a value of another type, a malformed
 * or merely unusual encoding. The codec then asks protobuf-es, which knows the answer or the right error.
 * One object for all, so that throwing captures no stack.
 */
export const giveUp: unique symbol = Symbol("the compiled codec gives up");
