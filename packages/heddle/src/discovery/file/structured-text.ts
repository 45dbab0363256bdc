/**
 * JSON and YAML as people write them in files: the value, and the line in which a part of it stands. The `yaml` package is
 * loaded when the first YAML file or the first fault comes.
 */

/** Of a file whose name says which of the two it is. Throws what the parser says. */
export async function parseStructured(text: string, name: string): Promise<unknown> {
  return /\.json$/i.test(name) ? JSON.parse(text) : await parseYaml(text);
}

async function parseYaml(text: string): Promise<unknown> {
  if (text.length > MAX_YAML_LENGTH)
    throw new Error(`YAML of more than ${MAX_YAML_LENGTH} characters takes too long to read: write JSON`);
  const { isScalar, LineCounter, parseDocument, visit } = await import("yaml");
  const lineCounter = new LineCounter();
  // It would compare each key with each other one, which takes 20 s for 20 000.
  const document = parseDocument(text, {
    prettyErrors: true,
    version: "1.2",
    uniqueKeys: false,
    lineCounter,
  });
  const [fault] = document.errors;
  if (fault) throw new Error(fault.message.split("\n", 1)[0]);
  visit(document, {
    Map(_, { items }) {
      const names = new Set<unknown>();
      for (const { key } of items) {
        if (!isScalar(key)) continue;
        if (names.has(key.value)) {
          const { line } = lineCounter.linePos(key.range?.[0] ?? 0);
          throw new Error(
            `"${String(key.value).slice(0, 100)}" stands twice in one map, at line ${line} again`,
          );
        }
        names.add(key.value);
      }
    },
  });
  return document.toJS({ maxAliasCount: 100 });
}

/** It reads some megabytes a second, and nothing else happens meanwhile. */
const MAX_YAML_LENGTH = 2 * 1024 * 1024;
/** In a longer text a field is not looked for: people don't write such by hand. */
const MAX_SOUGHT_LENGTH = 512 * 1024;

/** JSON is YAML, near enough to find a field in it. The line of the nearest thing around it when it is missing. */
export async function lineOf(text: string, path: readonly (string | number)[]): Promise<number | undefined> {
  if (text.length > MAX_SOUGHT_LENGTH) return undefined;
  try {
    const { LineCounter, parseDocument } = await import("yaml");
    const lineCounter = new LineCounter();
    const document = parseDocument(text, { lineCounter, uniqueKeys: false });
    for (let length = path.length; length >= 0; length--) {
      const node = document.getIn(path.slice(0, length), true) as
        | { readonly range?: readonly number[] }
        | undefined;
      if (node?.range) return lineCounter.linePos(node.range[0] ?? 0).line;
    }
  } catch {
    // The field is named all the same.
  }
  return undefined;
}
