/** `heddle config`: the service configs of a control plane, and whether a file holds what one may hold. */
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import type { JsonObject } from "@bufbuild/protobuf";
import { isJsonObject } from "../call/json-object.ts";
import { invalidOption } from "../call/check-option.ts";
import { RegistryAdminService } from "../gen/heddle/registry/v1/admin_pb.ts";
import { parseServiceConfig } from "../policy/parse-service-config.ts";
import { parseServiceConfigs } from "../policy/parse-service-configs.ts";
import { toGrpcServiceConfig } from "../policy/to-grpc-service-config.ts";
import { type Checked, checkFile, readConfigFile } from "./config-file.ts";
import { withControlPlane } from "./with-control-plane.ts";

export interface ConfigOptions {
  readonly registry?: string | undefined;
  /** Print gRPC's form. */
  readonly grpc?: boolean | undefined;
}

export const CONFIG_USAGE = "config takes show [name] | set name file | delete name | validate file";

/** The exit code; undefined for arguments that make no command. */
export async function config(args: readonly string[], options: ConfigOptions): Promise<number | undefined> {
  const [action, first, second, ...others] = args;
  if (others.length > 0) return undefined;
  if (action === "show" && second === undefined) return show(first, options);
  if (action === "set" && first !== undefined && second !== undefined) return set(first, second, options);
  if (action === "delete" && first !== undefined && second === undefined) return remove(first, options);
  if (action === "validate" && first !== undefined && second === undefined) return validate(first, options);
  return undefined;
}

function show(name: string | undefined, { registry, grpc = false }: ConfigOptions): Promise<number> {
  return withControlPlane("config", registry, async (transport) => {
    const admin = createClient(RegistryAdminService, transport);
    if (name === undefined) {
      const { entries } = await admin.listServiceConfigs({}, TIMELY);
      const services = Object.fromEntries(entries.map(({ name: of, config: set }) => [of, set]));
      print({ services });
      return 0;
    }
    const { config: found, setFor } = await admin.getServiceConfig({ name }, TIMELY);
    if (found === undefined) {
      process.stderr.write(`heddle config: there is none for ${name}\n`);
      return 1;
    }
    if (setFor !== name) process.stderr.write(`heddle config: that of ${setFor} holds for ${name}\n`);
    print(grpc ? inGrpcForm(found) : found);
    return 0;
  });
}

async function set(name: string, path: string, { registry }: ConfigOptions): Promise<number> {
  const { value, text } = await readConfigFile("file", path);
  // Here, where the lines of the file are known; the control plane checks it once more.
  if (!(await isConfig(parseServiceConfig(value), text, path))) return 1;
  return withControlPlane("config", registry, async (transport) => {
    const admin = createClient(RegistryAdminService, transport);
    const request = { name, config: value as JsonObject };
    const { notes, watchers } = await admin.setServiceConfig(request, TIMELY).catch(refused);
    for (const note of notes) process.stderr.write(`heddle config: ${note}\n`);
    process.stdout.write(
      `${name}: set; ${watchers === 1 ? "1 watch was" : `${watchers} watches were`} told\n`,
    );
    if (watchers === 0)
      process.stderr.write(
        `heddle config: nobody calls ${name} at present; clients ask for contracts such as shop.v1.OrderService\n`,
      );
    return 0;
  });
}

function remove(name: string, { registry }: ConfigOptions): Promise<number> {
  return withControlPlane("config", registry, async (transport) => {
    const admin = createClient(RegistryAdminService, transport);
    const { removed } = await admin.deleteServiceConfig({ name }, TIMELY).catch(refused);
    process.stdout.write(`${name}: ${removed ? "deleted" : "there was none"}\n`);
    return 0;
  });
}

async function validate(path: string, { grpc = false }: ConfigOptions): Promise<number> {
  const { value, text } = await readConfigFile("file", path);
  const several = isJsonObject(value) && Object.hasOwn(value, "services");
  const parsed: Checked = several ? parseServiceConfigs(value) : parseServiceConfig(value);
  if (!(await isConfig(parsed, text, path))) return 1;
  if (grpc) print(inGrpcForm(value));
  else process.stdout.write(`${path}: ok\n`);
  return 0;
}

/** Whether there is nothing wrong with it, which is told otherwise. */
async function isConfig(parsed: Checked, text: string, path: string): Promise<boolean> {
  const isRight = await checkFile(parsed, text, path);
  if (!isRight) process.stderr.write("next: docs/reference/service-config.md has all fields\n");
  return isRight;
}

const TIMELY = { timeoutMs: 3000 };

function inGrpcForm(value: unknown): unknown {
  const { config: read } = parseServiceConfig(value);
  if (read === undefined) throw invalidOption("grpc", "it is for one config, not for a file with several");
  const { config: written, notes } = toGrpcServiceConfig(read);
  for (const note of notes) process.stderr.write(`heddle config: ${note}\n`);
  return written;
}

function print(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, undefined, 2)}\n`);
}

function refused(error: unknown): never {
  const { code, rawMessage } = ConnectError.from(error);
  if (code === Code.InvalidArgument) throw invalidOption("config", rawMessage);
  throw error;
}
