/**
 * Where a registry is, of which kind, and how to use it, as one text: `etcd://10.0.0.1:2379,10.0.0.2:2379/shop?tls=on`.
 * The scheme says what it is, the hosts are equal servers of one cluster, the path is where in it, the query holds
 * options. `host:port` by itself is Heddle's own registry.
 *
 * Secrets may stand in it (user info, `token`), so whoever prints a registry prints `text`, which has none.
 */
import { readFileSync } from "node:fs";
import { parseAddress } from "../call/address.ts";
import { invalidOption } from "../call/check-option.ts";
import { nearest } from "../call/nearest.ts";
import type { RegistryTls } from "./registry-client.ts";

export interface RegistryUrl {
  /** In lower case. */
  readonly scheme: string;
  /** As written, in order; may be empty. */
  readonly hosts: readonly string[];
  /** Percent-decoded, without slashes around it; may be empty. */
  readonly path: string;
  readonly username: string;
  readonly password: string;
  readonly query: Readonly<Record<string, string>>;
  /** For people: without password and query. */
  readonly text: string;
  /**
   * What tells it from every other registry, for what is kept of it: the text with the user and all options that say
   * whom one sees (`dc`, `namespace`, `context`, …). Without secrets and without times, which may change.
   */
  readonly identity: string;
}

/** Parses a registry's URL. Throws `optionInvalid` without repeating the text, which may hold a secret. */
export function parseRegistryUrl(text: string): RegistryUrl {
  if (typeof parseAddress(text) !== "string") return url("heddle", [text], "", "", "", {}, text);
  const parts =
    /^([A-Za-z][A-Za-z0-9+.-]*):\/\/(?:([^/?#@]*)@)?([^/?#@]*)(?:\/([^?#]*))?(?:\?([^#]*))?$/.exec(text);
  if (!parts) throw invalidOption("registry", FORM);
  const [, rawScheme = "", userInfo = "", authority = "", rawPath = "", rawQuery = ""] = parts;
  const scheme = rawScheme.toLowerCase();
  const hosts = authority === "" ? [] : authority.split(",").map((host) => host.trim());
  if (hosts.includes("")) throw invalidOption("registry", "a host between two commas is empty");
  // A password with one of these in it cuts the URL elsewhere, and a part of it would be shown as host, path or option.
  if (!hosts.every((host) => HOST.test(host)) || (authority !== "" && rawPath.includes("@")))
    throw invalidOption("registry", UNESCAPED);
  const colon = userInfo.indexOf(":");
  const username = decode(colon === -1 ? userInfo : userInfo.slice(0, colon));
  const password = colon === -1 ? "" : decode(userInfo.slice(colon + 1));
  const path = decode(rawPath).replace(/^\/+|\/+$/g, "");
  const shown = `${scheme}://${hosts.join(",")}${path === "" ? "" : `/${path}`}`;
  return url(
    scheme,
    hosts,
    path,
    username,
    password,
    Object.fromEntries(new URLSearchParams(rawQuery)),
    shown,
  );
}

const FORM =
  "write host:port, or scheme://host:port,host:port/path?option=value (the text is not repeated, for it may hold a secret)";
const UNESCAPED =
  "a host is not host, host:port or [ipv6]:port, or a user or password holds one of / ? # @ unescaped: write them as %2F %3F %23 %40";
/** With or without a port. An IPv6 address may stand without brackets where no port follows. */
const HOST = /^(?:\[[^\]]*\]|[^:[\]]+)(?::\d*)?$|^[\da-fA-F.]*:[\da-fA-F:.]*:[\da-fA-F:.]*$/;

function url(
  scheme: string,
  hosts: readonly string[],
  path: string,
  username: string,
  password: string,
  query: Readonly<Record<string, string>>,
  text: string,
): RegistryUrl {
  const telling = Object.entries(query)
    .filter(([name]) => !/^(?:token|password)$|Ms$/.test(name))
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
  const parts = username === "" ? telling : [["user", username], ...telling];
  const identity = parts.length === 0 ? text : `${text}?${new URLSearchParams(parts)}`;
  return { scheme, hosts, path, username, password, query, text, identity };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalidOption("registry", "a percent sign must begin an escape such as %2F");
  }
}

/** The hosts with a port each, `defaultHost` (with port) when there is none. Throws `optionInvalid` for a malformed one. */
export function hostsOf(registry: RegistryUrl, defaultPort: number, defaultHost?: string): readonly string[] {
  const hosts = registry.hosts.length > 0 || defaultHost === undefined ? registry.hosts : [defaultHost];
  if (hosts.length === 0) throw invalidOption("registry", `${registry.scheme}:// needs a host`);
  return hosts.map((host) => {
    const withPort = /:\d+$/.test(host) ? host : `${host}:${defaultPort}`;
    const address = parseAddress(withPort);
    if (typeof address === "string") throw invalidOption("registry", `"${host}": ${address}`);
    return withPort;
  });
}

/** The options of a registry as its adapter knows them. */
export interface RegistryOptionsReader {
  text(name: string, fallback: string): string;
  /** Undefined when it is not given. */
  optionalText(name: string): string | undefined;
  /** `on`, `true`, `1`, or `off`, `false`, `0`. */
  flag(name: string, fallback: boolean): boolean;
  number(name: string, fallback: number, minimum: number): number;
  oneOf<Value extends string>(name: string, allowed: readonly Value[], fallback: Value): Value;
  /** The content of the file that the option names, trimmed; undefined when it is not given. */
  file(name: string): string | undefined;
  /** What stands in the file that `passwordFile` names, else the password of the URL; empty for none. */
  password(): string;
  /** `tls`, `ca`, `cert`, `key`, `serverName`: undefined without TLS. `ca`, `cert` or `key` alone mean `tls=on`. */
  tls(): RegistryTls | undefined;
  /** Refuses what has not been read, with the name that may have been meant. To be called last. */
  refuseOthers(): void;
}

/** Reads the query of a registry's URL. Everything throws `optionInvalid`, and no message repeats a value. */
export function readRegistryOptions(registry: RegistryUrl): RegistryOptionsReader {
  const { query, scheme } = registry;
  const known = new Set<string>();
  const raw = (name: string) => {
    known.add(name);
    return Object.hasOwn(query, name) ? query[name] : undefined;
  };
  const fault = (name: string, reason: string) => invalidOption(`registry (${scheme}: ${name})`, reason);
  const reader: RegistryOptionsReader = {
    text: (name, fallback) => raw(name) ?? fallback,
    optionalText: raw,
    flag(name, fallback) {
      const value = raw(name);
      if (value === undefined) return fallback;
      if (["on", "true", "1", ""].includes(value)) return true;
      if (["off", "false", "0"].includes(value)) return false;
      throw fault(name, "it must be on or off");
    },
    number(name, fallback, minimum) {
      const value = raw(name);
      if (value === undefined) return fallback;
      const number = Number(value);
      if (value.trim() !== "" && Number.isFinite(number) && number >= minimum) return number;
      throw fault(name, `it must be a number of at least ${minimum}`);
    },
    oneOf(name, allowed, fallback) {
      const value = raw(name);
      if (value === undefined) return fallback;
      const found = allowed.find((one) => one === value);
      if (found !== undefined) return found;
      throw fault(name, `it must be one of ${allowed.join(", ")}`);
    },
    file(name) {
      const path = raw(name);
      if (path === undefined) return undefined;
      try {
        return readFileSync(path, "utf8").trim();
      } catch (error) {
        throw fault(name, `its file cannot be read (${(error as NodeJS.ErrnoException).code ?? "unknown"})`);
      }
    },
    password: () => reader.file("passwordFile") ?? registry.password,
    tls() {
      const files = { ca: reader.file("ca"), cert: reader.file("cert"), key: reader.file("key") };
      const serverName = raw("serverName");
      const isMeant = files.ca !== undefined || files.cert !== undefined || files.key !== undefined;
      if (!reader.flag("tls", isMeant)) return undefined;
      if ((files.cert === undefined) !== (files.key === undefined))
        throw fault("cert", "cert and key come together");
      return { ...files, serverName };
    },
    refuseOthers() {
      for (const name of Object.keys(query)) {
        if (known.has(name)) continue;
        // The rest of a password, after a question mark that was not escaped.
        if (name.includes("@")) throw invalidOption("registry", UNESCAPED);
        const meant = nearest(name, known);
        throw invalidOption(
          "registry",
          `${scheme}:// has no option "${name.slice(0, 40)}"${meant === undefined ? "" : `; did you mean ${meant}?`}`,
        );
      }
    },
  };
  return reader;
}
