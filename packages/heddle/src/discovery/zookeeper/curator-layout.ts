/**
 * The layout of Apache Curator's service discovery, which Spring Cloud Zookeeper uses too: `<base>/<name>/<id>`, JSON with
 * address and port (https://curator.apache.org/docs/service-discovery). The payload belongs to the application: ours has
 * the form of Spring's (`id`, `name`, `metadata`) with Heddle's fields in the metadata.
 *
 * A draining instance says `enabled: false`, which Curator's providers pass over. The field is left out otherwise, because
 * readers from before it was invented refuse what they don't know.
 */
import { formatAddress, parseAddress } from "../../call/address.ts";
import { createEndpoint } from "../endpoint.ts";
import { fromFlatMetadata, toFlatMetadata } from "../fields/flat-metadata.ts";
import { fieldsAt, textAt, textsAt } from "../fields/json-fields.ts";
import { RegistrationRefused } from "../holder.ts";
import { FLAT_FORM, type Layout, parseNode } from "./layout.ts";

export interface CuratorLayoutOptions {
  /** Names Spring's class in the payload, which Spring's readers insist on and all others fail at. */
  readonly springPayload: boolean;
  /** Wall-clock milliseconds, as `registrationTimeUTC`. */
  readonly registeredAtMs: number;
}

export function createCuratorLayout({ springPayload, registeredAtMs }: CuratorLayoutOptions): Layout {
  return {
    mode: "ephemeral",
    nodeOf(instance) {
      // The one character that a name can't hold, and the two names that mean something else.
      const node = instance.id.replace(/[/%\p{Cc}]/gu, encodeURIComponent);
      if (node === "" || node === "." || node === "..")
        throw new RegistrationRefused(`ZooKeeper can't hold an instance with the id "${instance.id}"`);
      return node;
    },
    write(instance, name, incarnation) {
      const address = parseAddress(instance.address);
      const tcp = typeof address !== "string" && address.kind === "tcp" ? address : undefined;
      const port = tcp?.port ?? null;
      return Buffer.from(
        JSON.stringify({
          name,
          id: instance.id,
          address: tcp?.host ?? instance.address,
          port,
          sslPort: instance.tls === true ? port : null,
          payload: {
            ...(springPayload ? { "@class": SPRING_CLASS } : {}),
            id: instance.id,
            name,
            metadata: toFlatMetadata(instance, incarnation, FLAT_FORM),
          },
          registrationTimeUTC: registeredAtMs,
          serviceType: "DYNAMIC",
          uriSpec: URI_SPEC,
          ...(instance.draining ? { enabled: false } : {}),
        }),
      );
    },
    read(node, data, name) {
      // A service whose name begins with this one's, such as "orders/archive", stands among the instances.
      if (data.length === 0) return undefined;
      const json = parseNode(data);
      const { "@class": _class, id: _id, name: _name, ...own } = textsAt(json, "payload");
      const metadata = textsAt(fieldsAt(json, "payload"), "metadata");
      const { incarnation, ...fields } = fromFlatMetadata({ ...own, ...metadata }, FLAT_FORM);
      const { address, tls } = addressOf(json);
      return {
        incarnation,
        endpoint: createEndpoint({
          service: name,
          ...(tls === undefined ? {} : { tls }),
          ...fields,
          id: fields.id ?? (textAt(json, "id") || node),
          address,
          draining: fields.draining === true || json["enabled"] === false,
        }),
      };
    },
  };
}

const SPRING_CLASS = "org.springframework.cloud.zookeeper.discovery.ZookeeperInstance";
/** `{scheme}://{address}:{port}`, as Spring has it by default. */
const URI_SPEC = {
  parts: [
    { value: "scheme", variable: true },
    { value: "://", variable: false },
    { value: "address", variable: true },
    { value: ":", variable: false },
    { value: "port", variable: true },
  ],
};

/** The plain port where there is one, else the one for TLS; without either, an address that needs none. */
function addressOf(json: Readonly<Record<string, unknown>>): {
  readonly address: string;
  readonly tls: boolean | undefined;
} {
  const host = textAt(json, "address");
  const port = json["port"] ?? json["sslPort"];
  if (host === "") throw new Error("it has no address");
  const address = typeof port === "number" ? formatAddress({ kind: "tcp", host, port }) : host;
  const reason = parseAddress(address);
  if (typeof reason === "string") throw new Error(`its address and port make no sense: ${reason}`);
  return { address, tls: typeof port === "number" && port === json["sslPort"] ? true : undefined };
}
