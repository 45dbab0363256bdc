/** A command that reads what the control plane keeps (`/api/v1/`). */
import { askHttp } from "../discovery/ask-http.ts";
import { DEFAULT_REGISTRY_ADDRESS } from "../discovery/registry-address.ts";
import { registryError } from "../discovery/registry-error.ts";
import { hostsOf, parseRegistryUrl, readRegistryOptions } from "../discovery/registry-url.ts";

/** The exit code: that of `run`, or 1 for what is not there, 2 for a registry of another kind, 3 for one that does not answer. */
export async function askPlane<T>(
  command: string,
  registry: string | undefined,
  path: string,
  run: (answer: T) => number,
): Promise<number> {
  const url = parseRegistryUrl(registry ?? (process.env["HEDDLE_REGISTRY"] || DEFAULT_REGISTRY_ADDRESS));
  if (url.scheme !== "heddle") {
    process.stderr.write(
      `heddle ${command}: it asks a control plane of Heddle, not ${url.scheme}://\nnext: name one with --registry host:port\n`,
    );
    return 2;
  }
  const options = readRegistryOptions(url);
  const tls = options.tls();
  options.refuseOthers();
  const scheme = tls === undefined ? "http" : "https";
  const urls = hostsOf(url, 4747, DEFAULT_REGISTRY_ADDRESS).map(
    (host) => `${scheme}://${host}/api/v1/${path}`,
  );
  const asked = await askHttp(urls, { timeoutMs: 3_000, tls }).catch((error: unknown) => {
    const { rawMessage, hint } = registryError(url.text, error);
    process.stderr.write(`heddle ${command}: ${rawMessage}\nnext: ${hint}\n`);
    return undefined;
  });
  if (asked === undefined) return 3;
  if (asked.status === 200) return run(asked.value as T);
  process.stderr.write(`heddle ${command}: ${String((asked.value as { error?: string }).error)}\n`);
  return asked.status === 400 ? 2 : 1;
}
