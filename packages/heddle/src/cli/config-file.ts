/** Files that people write for a command, JSON or YAML: read, and what is wrong in them told by its line. */
import { invalidOption } from "../call/check-option.ts";
import { reasonText } from "../call/errors.ts";
import { readRegularFile } from "../discovery/file/read-regular-file.ts";
import { lineOf, parseStructured } from "../discovery/file/structured-text.ts";
import { type Fault, faultText } from "../policy/check-value.ts";

/** Throws `optionInvalid`, of the option that names the file, where it cannot be read. */
export async function readConfigFile(
  option: string,
  path: string,
): Promise<{ readonly value: unknown; readonly text: string }> {
  let text: string;
  try {
    text = await readRegularFile(path, MAX_FILE_BYTES);
  } catch (error) {
    throw invalidOption(option, `${path} cannot be read: ${reasonText(error)}`);
  }
  try {
    return { value: await parseStructured(text, path), text };
  } catch (error) {
    throw invalidOption(option, `${path}: ${reasonText(error)}`);
  }
}

export interface Checked {
  readonly faults?: readonly Fault[] | undefined;
  readonly notes?: readonly string[] | undefined;
}

/** Whether there is nothing wrong with it. Says what is, a line each, as compilers do. */
export async function checkFile(
  { faults = [], notes = [] }: Checked,
  text: string,
  path: string,
): Promise<boolean> {
  for (const note of notes) process.stderr.write(`${path}: ${note}\n`);
  for (const fault of faults) {
    const line = await lineOf(text, fault.path);
    process.stderr.write(`${path}${line === undefined ? "" : `:${line}`}: ${faultText(fault)}\n`);
  }
  return faults.length === 0;
}

const MAX_FILE_BYTES = 2 * 1024 * 1024;
