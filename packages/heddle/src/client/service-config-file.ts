/**
 * Service configs from a file that people edit while clients run. The system tells of changes (`fs.watch`); a look every
 * two seconds finds what it did not tell, such as on network file systems and behind links that are swapped.
 *
 * What cannot be understood never takes a config away: the last good one stays in use, and a warning says what is wrong,
 * once for each state of the file. Only at the start it is an error, for there nobody would see the warning in time.
 */
import { type FSWatcher, watch } from "node:fs";
import { stat } from "node:fs/promises";
import { dirname } from "node:path";
import { invalidOption } from "../call/check-option.ts";
import { type HeddleError, reasonText } from "../call/errors.ts";
import { readRegularFile } from "../discovery/file/read-regular-file.ts";
import { lineOf, parseStructured } from "../discovery/file/structured-text.ts";
import { serviceConfigInvalid } from "../policy/parse-service-config.ts";
import { parseServiceConfigs, type ServiceConfigSet } from "../policy/parse-service-configs.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { Timer } from "../runtime/timer.ts";

export interface ServiceConfigFileOptions {
  /** A `.json`, `.yaml` or `.yml` file. */
  readonly path: string;
  readonly runtime: Pick<Runtime, "timers">;
  /** Told when what it says has changed. */
  readonly onChange: (configs: ServiceConfigSet) => void;
  readonly onWarning: (message: string) => void;
}

export interface ServiceConfigFile extends Disposable {
  /** What it said when it was last understood. */
  readonly configs: ServiceConfigSet;
  /** Looks at the file no more. */
  [Symbol.dispose](): void;
}

/** Throws `optionInvalid` for a file that cannot be read, and `serviceConfigInvalid` for what stands in it. */
export async function openServiceConfigFile(options: ServiceConfigFileOptions): Promise<ServiceConfigFile> {
  const { path, runtime, onChange, onWarning } = options;
  const { timers } = runtime;
  let seen = await stateOf(path);
  let configs = await readServiceConfigFile(path);
  let soon: Timer | undefined;
  let looking: Promise<void> | undefined;
  let closed = false;

  async function look(): Promise<void> {
    const state = await stateOf(path);
    if (closed || state === seen) return;
    seen = state;
    try {
      const read = await readServiceConfigFile(path);
      if (closed) return;
      configs = read;
      onChange(configs);
    } catch (error) {
      if (!closed) onWarning(`${reasonText(error)}; what was in use before stays so`);
    }
  }

  function lookNow(): void {
    looking ??= look().finally(() => (looking = undefined));
  }

  function lookSoon(): void {
    soon ??= timers.after(QUIET_MS, () => {
      soon = undefined;
      lookNow();
    });
  }

  const poll = timers.every(POLL_MS, lookNow);
  let watcher: FSWatcher | undefined;
  try {
    watcher = watch(dirname(path), { persistent: false }, lookSoon);
    watcher.on("error", () => watcher?.close());
  } catch {
    // Where nothing can be watched there is the look every two seconds.
  }
  return {
    get configs() {
      return configs;
    },
    [Symbol.dispose]() {
      closed = true;
      poll.cancel();
      soon?.cancel();
      watcher?.close();
    },
  };
}

/** Reads it once. Throws as `openServiceConfigFile`. */
export async function readServiceConfigFile(path: string): Promise<ServiceConfigSet> {
  const text = await readRegularFile(path, MAX_FILE_BYTES).catch((error: unknown) => {
    throw invalidOption("serviceConfigFile", `${path} cannot be read: ${reasonText(error)}`);
  });
  return toServiceConfigs(text, path);
}

async function toServiceConfigs(text: string, path: string): Promise<ServiceConfigSet> {
  let value: unknown;
  try {
    value = await parseStructured(text, path);
  } catch (error) {
    throw serviceConfigInvalid(path, [{ path: [], reason: reasonText(error) }]);
  }
  const parsed = parseServiceConfigs(value);
  if (parsed.faults === undefined) return parsed;
  throw await faultsOf(text, path, parsed.faults);
}

/** With the line of the first fault, where one looks first. */
async function faultsOf(
  text: string,
  path: string,
  faults: Parameters<typeof serviceConfigInvalid>[1],
): Promise<HeddleError> {
  const line = await lineOf(text, faults[0]?.path ?? []);
  return serviceConfigInvalid(line === undefined ? path : `${path}:${line}`, faults);
}

/** Changes whenever the file does; undefined while it is not there. */
async function stateOf(path: string): Promise<string | undefined> {
  const found = await stat(path, { bigint: true }).catch(() => undefined);
  return found && [found.mtimeNs, found.size, found.ino].join(" ");
}

/** Writers that do not rename need a moment. */
const QUIET_MS = 20;
const POLL_MS = 2_000;
const MAX_FILE_BYTES = 2 * 1024 * 1024;
