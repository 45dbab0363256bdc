/**
 * The error catalogue: every error that Heddle itself raises, as one closed table.
 *
 * An entry fixes the code that people search for, the gRPC status, whether a retry is safe, where the
 * failure arose and what to do next. Text is not API; codes are.
 *
 * Errors that a handler raises on purpose (`throw new ConnectError("sold out", Code.FailedPrecondition)`)
 * are not in this table: they belong to the contract and reach the caller as they are.
 */
import { Code } from "@connectrpc/connect";

/**
 * Whether sending the same request again can help, and when it is safe.
 * - `unsent`: the request never reached a handler; any method may go to another instance.
 * - `idempotent`: the handler may have run; only methods whose contract says so are tried again.
 * - `never`: another attempt would fail the same way.
 */
export type Retryability = "unsent" | "idempotent" | "never";

/** Who raised it: this process, the network between, or the peer's Heddle (not its handler). */
export type ErrorOrigin = "local" | "network" | "peer";

export interface CatalogueEntry {
  readonly id: `HDL-${number}`;
  readonly code: Code;
  readonly retry: Retryability;
  readonly origin: ErrorOrigin;
  /** `{name}` is replaced by the parameter of that name. */
  readonly template: string;
  /** One next step, in the imperative. */
  readonly hint: string;
}

const entry = (
  id: `HDL-${number}`,
  code: Code,
  retry: Retryability,
  origin: ErrorOrigin,
  template: string,
  hint: string,
): CatalogueEntry => ({ id, code, retry, origin, template, hint });

export const CATALOGUE = {
  // 1xxx: what the program asked for cannot be done.
  targetInvalid: entry(
    "HDL-1001",
    Code.InvalidArgument,
    "never",
    "local",
    'target "{target}" is not valid: {reason}',
    "write heddle:///service, static:///host:port or host:port",
  ),
  optionInvalid: entry(
    "HDL-1002",
    Code.InvalidArgument,
    "never",
    "local",
    "option {option} is not valid: {reason}",
    "correct the option; its docstring, or the guide of the registry, gives range and unit",
  ),
  metadataInvalid: entry(
    "HDL-1003",
    Code.InvalidArgument,
    "never",
    "local",
    'metadata "{name}" cannot be sent: {reason}',
    "use printable ASCII, or a name that ends in -bin for bytes",
  ),
  listenFailed: entry(
    "HDL-1004",
    Code.Unavailable,
    "never",
    "local",
    "cannot listen on {address}: {reason}",
    "free the address or choose another; port 0 lets the system choose",
  ),
  requestInvalid: entry(
    "HDL-1005",
    Code.Internal,
    "never",
    "local",
    "request of {method} cannot be encoded: {reason}",
    "check the message against the contract",
  ),
  closed: entry(
    "HDL-1006",
    Code.Unavailable,
    "never",
    "local",
    "{what} is closed",
    "make calls before it is disposed",
  ),
  storeFailed: entry(
    "HDL-1007",
    Code.Unavailable,
    "never",
    "local",
    "the control plane's store {store} cannot be used: {reason}",
    "look at rights and space of its folder, and whether another control plane uses it",
  ),
  serviceConfigInvalid: entry(
    "HDL-1008",
    Code.InvalidArgument,
    "never",
    "local",
    "service config of {where} is not valid: {reason}",
    "correct what is named; docs/reference/service-config.md has all fields, and `heddle config validate` checks a file",
  ),
  httpRuleInvalid: entry(
    "HDL-1009",
    Code.InvalidArgument,
    "never",
    "local",
    "the HTTP rule of {method} cannot be served: {reason}",
    "correct the method's option (google.api.http, heddle.options.v1)",
  ),
  rulesInvalid: entry(
    "HDL-1010",
    Code.InvalidArgument,
    "never",
    "local",
    "the rules of {message} cannot be checked: {reason}",
    "correct the contract's rules (buf.validate)",
  ),
  errorsInvalid: entry(
    "HDL-1011",
    Code.InvalidArgument,
    "never",
    "local",
    "the errors of {method} cannot be used: {reason}",
    "correct the method's option (heddle.options.v1.error), or what errorsOf is given",
  ),

  // 21xx: finding an instance and reaching it.
  noInstance: entry(
    "HDL-2101",
    Code.Unavailable,
    "unsent",
    "network",
    "no instance of {target} is known: {reason}",
    "start one, and check that it registers with the same registry",
  ),
  noneReady: entry(
    "HDL-2102",
    Code.Unavailable,
    "unsent",
    "network",
    "none of the {count} known instances of {target} can be reached: {reason}",
    "mend what the reason names: an address that does not answer, TLS that the two sides see differently, or a failing health check",
  ),
  connectFailed: entry(
    "HDL-2103",
    Code.Unavailable,
    "unsent",
    "network",
    "cannot connect to {address}: {reason}",
    "check address, port and firewall",
  ),
  connectionLost: entry(
    "HDL-2104",
    Code.Unavailable,
    "idempotent",
    "network",
    "connection to {address} was lost: {reason}",
    "see whether the instance was killed or restarted",
  ),
  streamRefused: entry(
    "HDL-2105",
    Code.Unavailable,
    "unsent",
    "peer",
    "{address} refused the call before a handler saw it: {reason}",
    "set tls if it wants TLS; else start more instances if this lasts: those tried are draining or at their stream limit",
  ),
  tlsFailed: entry(
    "HDL-2106",
    Code.Unavailable,
    "unsent",
    "network",
    "TLS handshake with {address} failed: {reason}",
    "compare the TLS settings of both sides: versions, client certificate, protocols",
  ),
  certificateUntrusted: entry(
    "HDL-2107",
    Code.Unavailable,
    "unsent",
    "network",
    "the certificate of {address} is not trusted: {reason}",
    "pass the authority that signed it as tls.ca",
  ),
  certificateName: entry(
    "HDL-2108",
    Code.Unavailable,
    "unsent",
    "network",
    "the certificate of {address} is not for {expected}: {reason}",
    "call it by a name of the certificate, or set tls.serverName",
  ),
  plainTextPort: entry(
    "HDL-2109",
    Code.Unavailable,
    "unsent",
    "network",
    "{address} does not speak TLS: it answered the TLS hello in plain text",
    "leave tls out for this target, or give that server a certificate",
  ),

  // 22xx: time and cancellation.
  deadlineExceeded: entry(
    "HDL-2201",
    Code.DeadlineExceeded,
    "never",
    "local",
    "{method} exceeded its deadline of {deadlineMs} ms while {phase}",
    "raise timeoutMs, or find what takes the time in the call record",
  ),
  cancelled: entry(
    "HDL-2202",
    Code.Canceled,
    "never",
    "local",
    "{method} was cancelled: {reason}",
    "find out who gave up, unless the cancellation was meant",
  ),
  peerCancelled: entry(
    "HDL-2203",
    Code.Canceled,
    "never",
    "peer",
    "{method} was cancelled by {address}",
    "look at the callee's log for the reason",
  ),
  attemptTimedOut: entry(
    "HDL-2204",
    Code.DeadlineExceeded,
    "idempotent",
    "local",
    "{address} did not answer {method} within the {limitMs} ms of an attempt",
    "look at what keeps the instance busy, or raise perAttemptTimeoutMs",
  ),

  instanceSilent: entry(
    "HDL-2205",
    Code.Unavailable,
    "idempotent",
    "network",
    "{address} fell silent before it answered {method}: it does not say how busy it is either",
    "see whether the instance stands still or its host is gone",
  ),

  // 23xx: what the peer sent does not fit the protocol or the contract.
  responseInvalid: entry(
    "HDL-2301",
    Code.Internal,
    "never",
    "peer",
    "answer of {method} from {address} is not valid: {reason}",
    "check that the address belongs to a server of the protocol that is spoken, and that no proxy strips trailers",
  ),
  messageTooLarge: entry(
    "HDL-2302",
    Code.ResourceExhausted,
    "never",
    "local",
    "message of {bytes} bytes is over the limit of {limit} bytes ({direction})",
    "raise maxReceiveMessageBytes or maxSendMessageBytes, or stream the data",
  ),
  compressionUnsupported: entry(
    "HDL-2303",
    Code.Unimplemented,
    "never",
    "peer",
    'compression "{encoding}" is not supported; supported: {supported}',
    "use one that is named, or identity",
  ),
  messageInvalid: entry(
    "HDL-2304",
    Code.Internal,
    "never",
    "peer",
    "message of {method} cannot be decoded: {reason}",
    "check that both sides were built from the same contract",
  ),
  httpStatus: entry(
    "HDL-2305",
    Code.Unknown,
    "never",
    "peer",
    "{address} answered {method} with HTTP status {status} and said no more of how the call ended",
    "check that the address belongs to a server of the protocol that is spoken, and whether it wants TLS",
  ),
  streamReset: entry(
    "HDL-2306",
    Code.Internal,
    "idempotent",
    "peer",
    "{address} reset the stream of {method}: {reason}",
    "look at the callee's log for the reason",
  ),
  methodUnknown: entry(
    "HDL-2307",
    Code.Unimplemented,
    "never",
    "local",
    "{path} is not served here; served: {served}",
    "check the contract, and that the implementation was passed to serve()",
  ),
  contentType: entry(
    "HDL-2308",
    Code.Unknown,
    "never",
    "peer",
    'content type "{contentType}" does not fit {path}: {reason}',
    "send one of those that the answer names in accept-post",
  ),
  requestCardinality: entry(
    "HDL-2309",
    Code.Unimplemented,
    "never",
    "peer",
    "{method} takes exactly one request message, {count} arrived",
    "send one message and close the stream",
  ),
  timeoutInvalid: entry(
    "HDL-2310",
    Code.InvalidArgument,
    "never",
    "peer",
    'timeout "{value}" is not valid',
    "send grpc-timeout as 8 digits at most and one of the units H M S m u n, connect-timeout-ms as 10 digits at most",
  ),
  httpMethod: entry(
    "HDL-2311",
    Code.Internal,
    "never",
    "peer",
    "HTTP method {httpMethod} cannot carry a call of {path}",
    "send POST; GET is for unary methods whose contract says NO_SIDE_EFFECTS",
  ),

  connectVersion: entry(
    "HDL-2312",
    Code.InvalidArgument,
    "never",
    "peer",
    'version "{version}" of the Connect protocol is not spoken here, only 1',
    "send connect-protocol-version: 1, or connect=v1 in the query of a GET",
  ),
  parameterInvalid: entry(
    "HDL-2313",
    Code.InvalidArgument,
    "never",
    "peer",
    'parameter "{parameter}" of {method} is not valid: {reason}',
    "compare the parameter with the field of the request that it names",
  ),
  requestBreaksRules: entry(
    "HDL-2314",
    Code.InvalidArgument,
    "never",
    "peer",
    "{method} was refused before its handler began: {reason}",
    "correct the request; the detail buf.validate.Violations names every field and its rule",
  ),
  preconditionFailed: entry(
    "HDL-2315",
    Code.FailedPrecondition,
    "never",
    "peer",
    "{method} was not done: {reason}",
    "read the resource again, and repeat the change on what it is now",
  ),
  originRefused: entry(
    "HDL-2316",
    Code.PermissionDenied,
    "never",
    "peer",
    "pages of {origin} may not open a WebSocket here",
    "name the origin in the server's cors.origins if its pages are to be trusted",
  ),

  // 24xx: a peer broke HTTP/2 or one of its limits; the connection is closed.
  protocolError: entry(
    "HDL-2401",
    Code.Internal,
    "idempotent",
    "peer",
    "HTTP/2 protocol error: {reason}",
    "find out which implementation the peer runs; its frames are not valid",
  ),
  flowControl: entry(
    "HDL-2402",
    Code.Internal,
    "idempotent",
    "peer",
    "HTTP/2 flow control broken: {reason}",
    "find out which implementation the peer runs; it sends more than it may",
  ),
  headerCompression: entry(
    "HDL-2403",
    Code.Internal,
    "idempotent",
    "peer",
    "HTTP/2 header block cannot be decoded: {reason}",
    "find out which implementation the peer runs; its header compression is broken",
  ),
  frameSize: entry(
    "HDL-2404",
    Code.Internal,
    "idempotent",
    "peer",
    "HTTP/2 frame of the wrong size: {reason}",
    "find out which implementation the peer runs; its frames are not valid",
  ),
  flood: entry(
    "HDL-2405",
    Code.ResourceExhausted,
    "idempotent",
    "peer",
    "HTTP/2 flood of {kind}: more than {limit}",
    "raise the limit only if the peer is known and means well",
  ),
  prefaceInvalid: entry(
    "HDL-2407",
    Code.Internal,
    "never",
    "peer",
    "the peer did not open with the HTTP/2 preface: {reason}",
    "speak a protocol that the port has: HTTP/2 with prior knowledge or HTTP/1.1, inside TLS where it has a certificate",
  ),
  http1Invalid: entry(
    "HDL-2408",
    Code.Internal,
    "never",
    "peer",
    "HTTP/1.1 request refused: {reason}",
    "find out which client sends it; ambiguous requests are what smuggling is made of",
  ),
  connectionRefused: entry(
    "HDL-2409",
    Code.ResourceExhausted,
    "unsent",
    "peer",
    "a connection was turned away: {reason}",
    "start more instances, or raise the limit if the load is honest",
  ),
  overloaded: entry(
    "HDL-2410",
    Code.Unavailable,
    "unsent",
    "peer",
    "{method} was refused before its handler began: the server is overloaded, {reason}",
    "start more instances, or lower the load; mark calls that may be missing as sheddable",
  ),
  tooLate: entry(
    "HDL-2411",
    Code.DeadlineExceeded,
    "never",
    "peer",
    "{method} was refused before its handler began: it has {leftMs} ms left, and nine of ten take over {needsMs} ms",
    "give it more time, or find out what makes the method slow",
  ),
  limitReached: entry(
    "HDL-2412",
    Code.ResourceExhausted,
    "never",
    "local",
    "{what} has {count} calls under way and may have no more",
    "make fewer calls at a time, start more instances, or raise maxConcurrent or concurrencyLimit",
  ),
  throttled: entry(
    "HDL-2413",
    Code.ResourceExhausted,
    "never",
    "local",
    "{method} was not sent: the service refuses most calls because it is overloaded",
    "start more instances, or lower the load; mark calls that may be missing as sheddable",
  ),
  bulkheadFull: entry(
    "HDL-2414",
    Code.Unavailable,
    "unsent",
    "peer",
    "{method} was refused before its handler began: {count} calls of it are under way, as many as this server takes",
    "start more instances, or raise the server's maxConcurrent for it",
  ),
  keyReused: entry(
    "HDL-2415",
    Code.InvalidArgument,
    "never",
    "peer",
    "the idempotency key of {method} belongs to another request",
    "make a new key for each request, and keep it only while the same request is repeated",
  ),
  keyStoreFailed: entry(
    "HDL-2416",
    Code.Unavailable,
    "idempotent",
    "peer",
    "{method} was not run: the store of its answers failed: {reason}",
    "look after the store; without it a call with a key might run twice",
  ),

  // 25xx: the registry.
  registryUnreachable: entry(
    "HDL-2501",
    Code.Unavailable,
    "unsent",
    "network",
    "registry {address} cannot be reached: {reason}",
    "check that it runs there (Heddle's own: `heddle control`), or set HEDDLE_REGISTRY to where it is",
  ),
  registrationRefused: entry(
    "HDL-2502",
    Code.InvalidArgument,
    "never",
    "peer",
    "the registry refused {instance}: {reason}",
    "correct the instance's description, or let it register: credentials and rights",
  ),
  registryRefused: entry(
    "HDL-2503",
    Code.PermissionDenied,
    "never",
    "peer",
    "registry {address} refused: {reason}",
    "check the credentials in the registry's URL, and what the registry lets them read and write",
  ),

  // 3xxx: the callee's handler.
  handlerFailed: entry(
    "HDL-3001",
    Code.Unknown,
    "never",
    "peer",
    "handler of {method} failed",
    "look for the cause in the callee's log: it does not travel",
  ),
  serverStopped: entry(
    "HDL-3002",
    Code.Unavailable,
    "idempotent",
    "peer",
    "{method} was cut: {reason}",
    "give the drain more time, or the method a deadline below it; watches are to be opened again",
  ),
  answerBreaksRules: entry(
    "HDL-3003",
    Code.Internal,
    "never",
    "peer",
    "the answer of {method} breaks the rules of its contract: {reason}",
    "correct the handler, or the rule",
  ),
  errorUndeclared: entry(
    "HDL-3004",
    Code.Internal,
    "never",
    "local",
    "an error of {method} is not that of its contract: {reason}",
    "declare it (heddle.options.v1.error), or make errors with errorsOf(method, …).create",
  ),
} as const satisfies Record<string, CatalogueEntry>;

export type ErrorName = keyof typeof CATALOGUE;
