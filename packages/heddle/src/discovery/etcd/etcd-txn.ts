/**
 * The pieces of a transaction by their meaning: conditions on what a key is now, and what to do then. A write that is
 * bound to the revision its writer has seen can be sent twice, and can arrive late, without doing harm.
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  Compare_CompareResult,
  Compare_CompareTarget,
  type CompareSchema,
  type RequestOpSchema,
} from "../../gen/etcd/rpc_pb.ts";
import { keyBytes } from "./etcd-keys.ts";

export type EtcdCondition = MessageInitShape<typeof CompareSchema>;
export type EtcdOperation = MessageInitShape<typeof RequestOpSchema>;

/** The key was last written at this revision; 0: it isn't there. */
export function ifRevision(key: string, modRevision: bigint): EtcdCondition {
  return {
    key: keyBytes(key),
    target: Compare_CompareTarget.MOD,
    result: Compare_CompareResult.EQUAL,
    targetUnion: { case: "modRevision", value: modRevision },
  };
}

/** `lease` 0n is none. */
export function toPut(key: string, value: Uint8Array<ArrayBuffer>, lease: bigint): EtcdOperation {
  return { request: { case: "requestPut", value: { key: keyBytes(key), value, lease } } };
}

export function toDelete(key: string): EtcdOperation {
  return { request: { case: "requestDeleteRange", value: { key: keyBytes(key) } } };
}

export function toGet(key: string): EtcdOperation {
  return { request: { case: "requestRange", value: { key: keyBytes(key) } } };
}
