/**
 * Metadata of an instance that says where its metrics are, if not at `/metrics` of its own address. Whoever is not of
 * Heddle may write it as well.
 */
export const METRICS_PLACE = {
  /** `off`: there is nothing to be scraped. */
  off: "metrics",
  host: "metrics.host",
  port: "metrics.port",
  /** In the place of `/metrics`. */
  path: "metrics.path",
  /** `http` or `https`; default: that of the instance. */
  scheme: "metrics.scheme",
} as const;
