/**
 * Where an instance listens, as one string: `127.0.0.1:4001`, `[::1]:4001`, `orders.internal:80`,
 * `unix:/run/orders.sock` or `memory:orders`. The string travels through registries and files; only the code
 * that opens a connection needs its parts.
 */
export type Address =
  | { readonly kind: "tcp"; readonly host: string; readonly port: number }
  | { readonly kind: "unix"; readonly path: string }
  | { readonly kind: "memory"; readonly name: string };

/** The parts of an address, or a sentence that says why it is none. Port 0 is no address: nobody can call it. */
export function parseAddress(text: string): Address | string {
  if (text.length > MAX_ADDRESS_LENGTH) return `it is longer than ${MAX_ADDRESS_LENGTH} characters`;
  if (/[\s\p{Cc}]/u.test(text)) return "it contains white space or a control character";
  if (text.startsWith("unix:")) {
    const path = text.slice("unix:".length);
    return path.startsWith("/")
      ? { kind: "unix", path }
      : "a unix address needs an absolute path, as in unix:/run/a.sock";
  }
  if (text.startsWith("memory:")) {
    const name = text.slice("memory:".length);
    return name === "" ? "a memory address needs a name, as in memory:orders" : { kind: "memory", name };
  }
  const parts = /^(?:\[([0-9a-fA-F:.%\w]+)\]|([^:/?#@[\],]+)):(\d{1,5})$/.exec(text);
  if (!parts) return "it is not host:port, [ipv6]:port, unix:/path or memory:name";
  const host = parts[1] ?? parts[2] ?? "";
  if (parts[1] !== undefined && !host.includes(":")) return "brackets are for IPv6 addresses";
  const port = Number(parts[3]);
  return port >= 1 && port <= 65_535
    ? { kind: "tcp", host, port }
    : `port ${port} is not between 1 and 65535`;
}

/** The string form of an address: the inverse of `parseAddress`. */
export function formatAddress(address: Address): string {
  switch (address.kind) {
    case "tcp":
      return `${address.host.includes(":") ? `[${address.host}]` : address.host}:${address.port}`;
    case "unix":
      return `unix:${address.path}`;
    case "memory":
      return `memory:${address.name}`;
  }
}

const MAX_ADDRESS_LENGTH = 512;
