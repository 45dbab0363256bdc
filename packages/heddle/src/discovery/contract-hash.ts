/**
 * The name of a contract by what is in it, and the contract as it is handed to a control plane. Every instance has the hash in
 * its metadata, in whatever registry.
 */
import { createHash } from "node:crypto";
import type { DescService } from "@bufbuild/protobuf";
import { contractText, type RestMode } from "../contract/compatibility/contract-text.ts";
import { imageOfServices } from "../contract/compatibility/image-of-services.ts";

/** Key of an instance's metadata. */
export const CONTRACT_HASH_KEY = "heddle-contract";

export interface ServedContract {
  readonly hash: string;
  readonly services: readonly DescService[];
  readonly rest: RestMode;
  /** A `google.protobuf.FileDescriptorSet`, made when it is asked for. */
  image(): Uint8Array;
}

export function servedContract(services: readonly DescService[], rest: RestMode): ServedContract {
  return { hash: contractHash(services, rest), services, rest, image: () => imageOfServices(services) };
}

/** 16 hex digits: names of what is deployed, which nobody gains by forging. */
export function contractHash(services: Iterable<DescService>, rest: RestMode): string {
  return createHash("sha256").update(contractText(services, rest)).digest("hex").slice(0, 16);
}
