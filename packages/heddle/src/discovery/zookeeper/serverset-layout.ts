/**
 * The layout of Twitter's serversets, which Finagle, Aurora and Prometheus (`serverset_sd`) read: `<base>/<name>/member_<n>`,
 * JSON with `serviceEndpoint`, `additionalEndpoints` by name, `status` and `shard`. Heddle's fields stand in `metadata`,
 * which newer members have and all readers let be.
 *
 * A draining instance has the status STOPPING: readers take only those that are ALIVE.
 */
import { formatAddress, parseAddress } from "../../call/address.ts";
import { createEndpoint } from "../endpoint.ts";
import { fromFlatMetadata, toFlatMetadata } from "../fields/flat-metadata.ts";
import { fieldsAt, textAt, textsAt } from "../fields/json-fields.ts";
import { RegistrationRefused } from "../holder.ts";
import { FLAT_FORM, type Layout, parseNode } from "./layout.ts";

export const serversetLayout: Layout = {
  mode: "ephemeral-sequential",
  nodeOf: () => PREFIX,
  write(instance, _name, incarnation) {
    const address = parseAddress(instance.address);
    if (typeof address === "string" || address.kind !== "tcp")
      throw new RegistrationRefused(`a serverset holds hosts and ports, and not ${instance.address}`);
    return Buffer.from(
      JSON.stringify({
        serviceEndpoint: { host: address.host, port: address.port },
        additionalEndpoints: {},
        status: instance.draining ? "STOPPING" : "ALIVE",
        metadata: toFlatMetadata(instance, incarnation, FLAT_FORM),
      }),
    );
  },
  read(node, data, name) {
    // Beside the members stand nodes with weights (`vector_…`), and further serversets.
    if (!node.startsWith(PREFIX) || data.length === 0) return undefined;
    const json = parseNode(data);
    const status = json["status"];
    if (status !== "ALIVE" && status !== "STOPPING") return undefined;
    const { incarnation, ...fields } = fromFlatMetadata(textsAt(json, "metadata"), FLAT_FORM);
    const place = fieldsAt(json, "serviceEndpoint");
    const address = formatAddress({ kind: "tcp", host: textAt(place, "host"), port: Number(place["port"]) });
    const reason = parseAddress(address);
    if (typeof reason === "string") throw new Error(`its serviceEndpoint is no address: ${reason}`);
    const { shard } = json;
    return {
      incarnation,
      endpoint: createEndpoint({
        service: name,
        ...fields,
        id: fields.id ?? node,
        address,
        metadata: Number.isInteger(shard) ? { shard: String(shard), ...fields.metadata } : fields.metadata,
        draining: status === "STOPPING",
      }),
    };
  },
};

const PREFIX = "member_";
