/**
 * What an error of etcd means. etcd gives a status and a text
 * (https://github.com/etcd-io/etcd/blob/main/api/v3rpc/rpctypes/error.go); the text is looked at only where one status
 * stands for several things.
 */
import { Code, ConnectError } from "@connectrpc/connect";

/** What the cursor points to has been compacted: list again. */
export class Compacted extends Error {
  override readonly name = "Compacted";
  /** The oldest revision that is still there; 0 where etcd didn't say. */
  readonly compactRevision: bigint;

  constructor(compactRevision: bigint) {
    super(`etcd has compacted its history up to revision ${compactRevision}`);
    this.compactRevision = compactRevision;
  }
}

/** Nobody knows whether it was done, or it was surely not: another try, perhaps with another member, may do it. */
export function isTransient(error: unknown): boolean {
  return error instanceof ConnectError && TRANSIENT.has(error.code);
}

const TRANSIENT: ReadonlySet<Code> = new Set([
  Code.Unavailable,
  Code.DeadlineExceeded,
  Code.ResourceExhausted,
  Code.Aborted,
]);

/** The token is worth nothing any more, or none was sent and one is wanted: log in again. */
export function isStaleLogin(error: unknown): boolean {
  if (!(error instanceof ConnectError)) return false;
  return (
    error.code === Code.Unauthenticated ||
    (error.code === Code.InvalidArgument && isStaleLoginText(error.rawMessage))
  );
}

/** The same for the reason that a watcher is ended with. */
export function isStaleLoginText(reason: string): boolean {
  return /invalid auth token|revision of auth store is old|user name is empty/.test(reason);
}

/** etcd knows who asks, or won't know them, and says no. */
export function isRefusal(error: unknown): error is ConnectError {
  if (!(error instanceof ConnectError)) return false;
  return (
    error.code === Code.PermissionDenied ||
    error.code === Code.Unauthenticated ||
    (error.code === Code.InvalidArgument && /authentication failed|user name is empty/.test(error.rawMessage))
  );
}

export function isNotFound(error: unknown): boolean {
  return error instanceof ConnectError && error.code === Code.NotFound;
}

/** Asked for a revision that is no longer there. */
export function isCompacted(error: unknown): boolean {
  return error instanceof Compacted || (error instanceof ConnectError && error.code === Code.OutOfRange);
}
