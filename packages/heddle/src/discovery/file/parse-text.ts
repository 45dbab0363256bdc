/**
 * From the text of a services file to what it says. A fault tells file, line and field: `services.yaml:12:
 * services.orders.instances[1].weight: it must be a whole number, 0 or more`.
 */
import { FieldFault, readServicesFile, type ServicesFile } from "./services-file.ts";
import { lineOf, parseStructured } from "./structured-text.ts";

/** A file whose name says that it holds services. Editors' temporary files and hidden ones do not. */
export function isServicesName(name: string): boolean {
  return /^[^.#~].*\.(json|ya?ml)$/i.test(name);
}

/** Throws an `Error` whose message begins with `name` and the line. */
export async function parseServicesText(text: string, name: string): Promise<ServicesFile> {
  try {
    return readServicesFile(await parseStructured(text, name));
  } catch (error) {
    const line = error instanceof FieldFault ? await lineOf(text, error.path) : undefined;
    const where = line === undefined ? name : `${name}:${line}`;
    throw new Error(`${where}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}
