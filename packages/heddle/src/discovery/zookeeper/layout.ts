/**
 * A layout says how instances stand in ZooKeeper: `<base>/<name>/<node>`, and what is in a node. There is no standard,
 * there are two conventions that others read and write (`curator-layout.ts`, `serverset-layout.ts`).
 */
import { isJsonObject } from "../../call/json-object.ts";
import type { Endpoint } from "../endpoint.ts";
import type { FlatMetadataForm } from "../fields/flat-metadata.ts";
import type { CreateMode } from "./protocol.ts";

export interface Layout {
  /** Sequential nodes get their number from the server, behind `nodeOf`. */
  readonly mode: Exclude<CreateMode, "persistent">;
  /** The last part of the path of an instance's node. Throws `RegistrationRefused` for what can't be one. */
  nodeOf(instance: Endpoint): string;
  /** The content of an instance's node under a name. Throws `RegistrationRefused` for what the layout can't hold. */
  write(instance: Endpoint, name: string, incarnation: bigint): Buffer;
  /** What a node says; undefined for one that is no instance. Throws for one that should be and makes no sense. */
  read(node: string, data: Buffer, name: string): Member | undefined;
}

export interface Member {
  readonly endpoint: Endpoint;
  /** Which life of the process wrote it; undefined where the writer wasn't Heddle. */
  readonly incarnation: bigint | undefined;
}

/** Heddle's fields in a JSON map of texts: anything fits. */
export const FLAT_FORM: FlatMetadataForm = {
  prefix: "heddle.",
  isKey: () => true,
  maxValueBytes: Number.POSITIVE_INFINITY,
};

/** The JSON object in a node. Throws for anything else, and says so. */
export function parseNode(data: Buffer): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(data.toString("utf8"));
  } catch (cause) {
    throw new Error("it is not JSON", { cause });
  }
  if (!isJsonObject(value)) throw new Error("it is no JSON object");
  return value;
}
