/**
 * What a ZooKeeper server answers when it does not do what it was asked. The codes are those of `KeeperException`:
 * https://github.com/apache/zookeeper/blob/master/zookeeper-server/src/main/java/org/apache/zookeeper/KeeperException.java
 */

export const ZOOKEEPER_CODES = {
  "-1": "SystemError",
  "-2": "RuntimeInconsistency",
  "-5": "MarshallingError",
  "-6": "Unimplemented",
  "-7": "OperationTimeout",
  "-8": "BadArguments",
  "-101": "NoNode",
  "-102": "NoAuth",
  "-103": "BadVersion",
  "-108": "NoChildrenForEphemerals",
  "-110": "NodeExists",
  "-111": "NotEmpty",
  "-112": "SessionExpired",
  "-114": "InvalidAcl",
  "-115": "AuthFailed",
  "-118": "SessionMoved",
  "-119": "NotReadOnly",
  "-121": "NoWatcher",
  "-122": "RequestTimeout",
  "-124": "SessionClosedRequireAuth",
  "-125": "QuotaExceeded",
  "-127": "Throttled",
} as const;

export type ZookeeperErrorCode = (typeof ZOOKEEPER_CODES)[keyof typeof ZOOKEEPER_CODES] | "Unknown";

/** The server's answer to one request. The connection is fine. */
export class ZookeeperError extends Error {
  override readonly name = "ZookeeperError";
  readonly code: ZookeeperErrorCode;

  /** @param number as it stands in the answer, below zero */
  constructor(number: number, what: string) {
    const code = (ZOOKEEPER_CODES as Readonly<Record<string, ZookeeperErrorCode>>)[number] ?? "Unknown";
    super(`the ZooKeeper server answered ${code} (${number}) to ${what}`);
    this.code = code;
  }
}

/** The connection, or the session, ended before the answer came: whether the request was carried out is not known. */
export class ZookeeperConnectionError extends Error {
  override readonly name = "ZookeeperConnectionError";
}

export function isZookeeperError(error: unknown, code: ZookeeperErrorCode): boolean {
  return error instanceof ZookeeperError && error.code === code;
}
