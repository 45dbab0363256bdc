/** Consul's limits on a service's `Meta` (agent/structs in its source): 64 pairs, keys without dots, 512 bytes a value. */
import type { FlatMetadataForm } from "../fields/flat-metadata.ts";

export const CONSUL_FORM: FlatMetadataForm = {
  prefix: "heddle-",
  // Keys with "consul-" in front are Consul's own.
  isKey: (key) => /^(?!consul-)[a-zA-Z0-9_-]{1,128}$/.test(key),
  maxValueBytes: 512,
};

export const CONSUL_MAX_PAIRS = 64;
