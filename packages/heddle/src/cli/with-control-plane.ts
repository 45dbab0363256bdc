/** A command that asks the control plane: the way there, and what is said when there is none. */
import { Code, ConnectError } from "@connectrpc/connect";
import { type ClosableTransport, createTransport } from "../client/transport.ts";
import { DEFAULT_REGISTRY_ADDRESS } from "../discovery/registry-address.ts";
import { registryError } from "../discovery/registry-error.ts";
import { hostsOf, parseRegistryUrl, readRegistryOptions } from "../discovery/registry-url.ts";

/** The exit code of `run`; 2 for a registry of another kind, 3 for one that does not answer. */
export async function withControlPlane(
  command: string,
  registry: string | undefined,
  run: (transport: ClosableTransport) => Promise<number>,
): Promise<number> {
  const url = parseRegistryUrl(registry ?? (process.env["HEDDLE_REGISTRY"] || DEFAULT_REGISTRY_ADDRESS));
  if (url.scheme !== "heddle") {
    process.stderr.write(
      `heddle ${command}: it asks a control plane of Heddle, not ${url.scheme}://\n` +
        `next: name one with --registry host:port; what stands in ${url.scheme} is shown by its own tools\n`,
    );
    return 2;
  }
  const options = readRegistryOptions(url);
  const tls = options.tls();
  options.refuseOthers();
  const { ca, cert, key, serverName } = tls ?? {};
  const hosts = hostsOf(url, 4747, DEFAULT_REGISTRY_ADDRESS);
  await using transport = createTransport({
    target: `static:///${hosts.join(",")}`,
    waitForReadyMs: 1000,
    maxReceiveMessageBytes: MAX_ANSWER_BYTES,
    tls: tls !== undefined && {
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
      ...(serverName === undefined ? {} : { serverName }),
    },
  });
  try {
    return await run(transport);
  } catch (error) {
    if (ConnectError.from(error).code !== Code.Unavailable) throw error;
    const { rawMessage, hint } = registryError(url.text, error);
    process.stderr.write(`heddle ${command}: ${rawMessage}\nnext: ${hint}\n`);
    return 3;
  }
}

/** All that a control plane keeps of a large mesh is one answer, and more than a call gets by default. */
const MAX_ANSWER_BYTES = 256 * 1024 * 1024;
