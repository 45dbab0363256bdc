import type { Registry } from "@bufbuild/protobuf";

/** How messages are written as JSON. */
export interface JsonWriteOptions {
  /** Knows the types that an `Any` may hold. */
  readonly registry: Registry;
  /** Whether fields that have their zero value are there, where zero is the same as absence. Default false. */
  readonly alwaysEmitImplicit?: boolean;
}
