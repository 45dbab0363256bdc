/**
 * `rpc.system.name` of a protocol: which one carried the call. OpenTelemetry knows `grpc` and `connectrpc`; for what it has
 * no name for, its rules allow one's own.
 */
export function rpcSystemOf(protocol: string): string {
  switch (protocol) {
    case "auto":
      return "grpc";
    case "connect":
      return "connectrpc";
    case "grpc-web":
      return "grpc_web";
    default:
      return protocol;
  }
}
