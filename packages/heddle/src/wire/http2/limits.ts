/**
 * What a peer may do to us before we hang up: every limit that attacks on HTTP/2 have taught.
 *
 * Honest peers never come near these defaults; each names the attack that it stops. Rates are token
 * buckets: `burst` at once, refilled by `perSecond`.
 */
import { RateGuard } from "../../runtime/rate-guard.ts";

export interface Rate {
  readonly burst: number;
  readonly perSecond: number;
}

export interface Http2Limits {
  /** Streams that the peer may have open at once; more are refused. Default 1 000. */
  readonly maxConcurrentStreams: number;
  /** Decoded header list of one block, RFC 9113 §6.5.2 size, in bytes. Default 65 536. HPACK bomb. */
  readonly maxHeaderListBytes: number;
  /** CONTINUATION frames of one header block. Default 16. CONTINUATION flood (CVE-2024-27983). */
  readonly maxContinuationFrames: number;
  /** Largest frame payload that we accept, in bytes. Default 16 384, the protocol's minimum. */
  readonly maxFrameBytes: number;
  /**
   * Bytes that a peer may send on one stream before the reader has taken any. Default 64 KiB; grows with the link's
   * bandwidth and delay up to `maxWindowBytes`. gRPC: the initial window and BDP estimation.
   */
  readonly streamWindowBytes: number;
  /** Bytes in flight on the whole connection. Default 1 MiB; grows as the stream window does. */
  readonly connectionWindowBytes: number;
  /** What both windows may grow to, in bytes. Default 16 MiB. 0: they stay as they start. */
  readonly maxWindowBytes: number;
  /** Received bytes that readers have not taken, on all streams together, before the connection is no longer topped up. Default 32 MiB. */
  readonly maxUnreadBytes: number;
  /** Control frames that wait for a peer which does not read, in bytes. Default 1 MiB. Ping and settings floods (CVE-2019-9512, -9515). */
  readonly maxQueuedControlBytes: number;
  /**
   * Streams reset, by the peer or by us because of the peer. Rapid reset (CVE-2023-44487) and "made you reset". Twice
   * the streams that may be open: all calls of a stalled connection may meet their deadline at once.
   */
  readonly resets: Rate;
  /** PING frames. CVE-2019-9512. */
  readonly pings: Rate;
  /** SETTINGS frames. CVE-2019-9515. */
  readonly settings: Rate;
  /** DATA frames without content that do not end a stream, beyond one a stream, and header blocks without a field. CVE-2019-9518. */
  readonly emptyFrames: Rate;
  /** LOAD frames (`load-frame.ts`). Further ones are passed over. */
  readonly loadFrames: Rate;
  /** PRIORITY frames, unknown frames, and window updates beyond those our own data explains. CVE-2019-9513. */
  readonly noise: Rate;
}

export const DEFAULT_LIMITS: Http2Limits = {
  maxConcurrentStreams: 1000,
  maxHeaderListBytes: 65_536,
  maxContinuationFrames: 16,
  maxFrameBytes: 16_384,
  streamWindowBytes: 64 * 1024,
  connectionWindowBytes: 1024 * 1024,
  maxWindowBytes: 16 * 1024 * 1024,
  maxUnreadBytes: 32 * 1024 * 1024,
  maxQueuedControlBytes: 1024 * 1024,
  resets: { burst: 2000, perSecond: 500 },
  pings: { burst: 200, perSecond: 50 },
  settings: { burst: 50, perSecond: 5 },
  emptyFrames: { burst: 200, perSecond: 50 },
  loadFrames: { burst: 1000, perSecond: 2000 },
  noise: { burst: 1000, perSecond: 200 },
};

/** The kinds of flood that end a connection; each is a key of `Http2Limits`. */
export type FloodKind = "resets" | "pings" | "settings" | "emptyFrames" | "noise";

export type FloodGuards = Readonly<Record<FloodKind | "loadFrames", RateGuard>>;

export function createFloodGuards(limits: Http2Limits): FloodGuards {
  const guard = ({ burst, perSecond }: Rate) =>
    new RateGuard({ limit: burst, perMs: (burst / perSecond) * 1000 });
  return {
    resets: guard(limits.resets),
    pings: guard(limits.pings),
    settings: guard(limits.settings),
    emptyFrames: guard(limits.emptyFrames),
    loadFrames: guard(limits.loadFrames),
    noise: guard(limits.noise),
  };
}
