/**
 * ZooKeeper as a registry: `zookeeper://a:2181,b:2181/chroot?layout=curator`. One session for everything that a process
 * watches and registers there; it is made with the first of them.
 */
import { invalidOption } from "../../call/check-option.ts";
import { assembleRegistry } from "../assemble-registry.ts";
import type { OpenRegistry } from "../registry-client.ts";
import { hostsOf, readRegistryOptions } from "../registry-url.ts";
import { createCuratorLayout } from "./curator-layout.ts";
import { createDial } from "./dial.ts";
import { basePath } from "./node-path.ts";
import { type Acl, PERMISSION } from "./protocol.ts";
import { serversetLayout } from "./serverset-layout.ts";
import { createSession } from "./session.ts";
import { createZookeeperHolder } from "./zookeeper-holder.ts";
import { createZookeeperSource } from "./zookeeper-source.ts";

export const openZookeeper: OpenRegistry = (context) => {
  const { url, runtime, incarnation, onWarning } = context;
  const hosts = hostsOf(url, 2181, "127.0.0.1:2181");
  const options = readRegistryOptions(url);
  const tls = options.tls();
  const layoutName = options.oneOf("layout", ["curator", "serverset"], "curator");
  const springPayload = options.oneOf("payload", ["plain", "spring"], "plain") === "spring";
  const base = basePath(url.path, options.text("base", "services"));
  const timeoutMs = options.number("sessionTimeoutMs", 10_000, 100);
  const credentials = credentialsOf(url.username, options.password());
  const acl =
    ACLS[options.oneOf("acl", ["open", "protected", "private"], credentials ? "protected" : "open")];
  options.refuseOthers();
  if (base === undefined)
    throw invalidOption("registry", "zookeeper:// has a path or a base that ZooKeeper can't hold");
  if (acl !== ACLS.open && credentials === undefined)
    throw invalidOption("registry", "zookeeper: acl=protected and acl=private need a user and a password");

  const layout =
    layoutName === "serverset"
      ? serversetLayout
      : createCuratorLayout({ springPayload, registeredAtMs: Math.round(runtime.clock.wallMs()) });
  const session = createSession({
    hosts,
    dial: createDial(tls),
    runtime,
    timeoutMs,
    auth: credentials && { scheme: "digest", credentials },
  });
  const source = createZookeeperSource({
    session,
    layout,
    base,
    registry: url.text,
    runtime,
    silenceMs: timeoutMs,
    onWarning,
  });
  const holder = createZookeeperHolder({ session, layout, base, acl, incarnation, runtime });
  return assembleRegistry(context, { source, holder, close: () => session[Symbol.asyncDispose]() });
};

const ANYONE = { scheme: "world", id: "anyone" };
/** Whoever is authenticated on the connection that creates the node. */
const CREATOR = { scheme: "auth", id: "" };

const ACLS: Readonly<Record<"open" | "protected" | "private", readonly Acl[]>> = {
  open: [{ permissions: PERMISSION.all, ...ANYONE }],
  protected: [
    { permissions: PERMISSION.all, ...CREATOR },
    { permissions: PERMISSION.read, ...ANYONE },
  ],
  private: [{ permissions: PERMISSION.all, ...CREATOR }],
};

function credentialsOf(username: string, password: string): Buffer | undefined {
  if (username === "" && password === "") return undefined;
  if (username === "" || password === "" || username.includes(":"))
    throw invalidOption("registry", "zookeeper:// needs a user without a colon and a password, or neither");
  return Buffer.from(`${username}:${password}`);
}
