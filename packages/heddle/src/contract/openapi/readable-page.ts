/**
 * The document of a contract as a page that people read: each operation with its parameters, body and answers, and the
 * schemas that they name. It is plain HTML without a script, so it needs nothing from elsewhere and can run nothing.
 */
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";

/** `document` is one of `createOpenApi`; what stands in it is escaped, whoever wrote it. */
export function readablePage(document: JsonObject): string {
  const info = objectIn(document, "info");
  const schemas = Object.entries(objectIn(objectIn(document, "components"), "schemas"));
  const tags = ((document["tags"] ?? []) as JsonObject[]).map((tag) => serviceSection(document, tag));
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(info["title"])}</title>
<style>${STYLE}</style>
<h1>${escaped(info["title"])} <small>${escaped(info["version"])}</small></h1>
${paragraphs(info["description"])}
<p><a href="openapi.json">openapi.json</a></p>
${tags.join("\n")}
<h2>Schemas</h2>
${schemas.map(([name, schema]) => details(`schema-${name}`, escaped(name), schema)).join("\n")}
</html>
`;
}

function serviceSection(document: JsonObject, tag: JsonObject): string {
  const operations = Object.entries(objectIn(document, "paths")).flatMap(([path, item]) =>
    Object.entries(item as JsonObject)
      .filter(([, operation]) =>
        ((operation as JsonObject)["tags"] as JsonValue[]).includes(tag["name"] ?? ""),
      )
      .map(([method, operation]) => operationSection(method, path, operation as JsonObject)),
  );
  return `<h2>${escaped(tag["name"])}</h2>\n${paragraphs(tag["description"])}\n${operations.join("\n")}`;
}

function operationSection(method: string, path: string, operation: JsonObject): string {
  const { operationId, description, deprecated } = operation;
  const parameters = (operation["parameters"] ?? []) as JsonObject[];
  const rows = parameters.map(
    ({ name, in: place, required, description: text, schema }) =>
      `<tr><td><code>${escaped(name)}</code><td>${escaped(place)}${required === true ? ", required" : ""}<td>${typeText(schema)}<td>${escaped(text)}`,
  );
  const table =
    rows.length === 0 ? "" : `<table><tr><th>name<th>in<th>type<th>\n${rows.join("\n")}\n</table>`;
  const body =
    operation["requestBody"] === undefined ? "" : contents("body", operation["requestBody"] as JsonObject);
  const answers = Object.entries(objectIn(operation, "responses")).map(([status, answer]) =>
    contents(status, answer as JsonObject),
  );
  const mark = deprecated === true ? " <em>deprecated</em>" : "";
  return `<section id="${escaped(operationId)}">
<h3><b>${escaped(method.toUpperCase())}</b> <code>${escaped(path)}</code>${mark}</h3>
${paragraphs(description)}
${table}
${body}
${answers.join("\n")}
</section>`;
}

function contents(label: string, { description, content, $ref }: JsonObject): string {
  const forms = Object.entries((content ?? {}) as JsonObject).map(
    ([type, form]) =>
      `<code>${escaped(type)}</code> ${typeText((form as JsonObject)["x-item-schema"] ?? (form as JsonObject)["schema"])}`,
  );
  const text = $ref === undefined ? escaped(description) : "an error, as a problem";
  return `<p><b>${escaped(label)}</b> ${[text, ...forms].filter(Boolean).join(" · ")}</p>`;
}

/** A name that leads to its schema, or what the schema says. */
function typeText(schema: JsonValue | undefined): string {
  if (typeof schema !== "object" || schema === null || Array.isArray(schema)) return "";
  const { $ref, type, format, items } = schema;
  if (typeof $ref === "string") {
    const name = $ref.slice($ref.lastIndexOf("/") + 1);
    return `<a href="#schema-${escaped(name)}">${escaped(name)}</a>`;
  }
  if (items !== undefined) return `list of ${typeText(items)}`;
  if (schema["properties"] !== undefined)
    return `<details><summary>object</summary>${code(schema)}</details>`;
  const words = [type, format].flat().filter((word) => typeof word === "string");
  return escaped(words.join(" ") || "any");
}

function details(id: string, title: string, schema: JsonValue): string {
  return `<details id="${escaped(id)}"><summary><code>${title}</code></summary>${code(schema)}</details>`;
}

function code(schema: JsonValue): string {
  return `<pre>${escaped(JSON.stringify(schema, null, 2))}</pre>`;
}

function paragraphs(text: JsonValue | undefined): string {
  if (typeof text !== "string") return "";
  return text
    .split(/\n{2,}/)
    .map((paragraph) => `<p class="text">${escaped(paragraph)}</p>`)
    .join("\n");
}

function objectIn(object: JsonObject, name: string): JsonObject {
  return (object[name] ?? {}) as JsonObject;
}

function escaped(value: JsonValue | undefined): string {
  if (value === undefined || value === null) return "";
  const text = typeof value === "string" ? value : String(value as number | boolean);
  return text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
}

const STYLE = `
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color-scheme: light dark }
h3 { margin: 2rem 0 .3rem; font-weight: normal } h3 b { font-size: .85rem }
small, em { color: GrayText; font-weight: normal } .text { white-space: pre-line; margin: .5rem 0 }
table { border-collapse: collapse; margin: .5rem 0 } th, td { text-align: left; padding: .15rem 1rem .15rem 0; vertical-align: top }
pre { overflow: auto; padding: .5rem; border: 1px solid GrayText } details { margin: .2rem 0 } p { margin: .3rem 0 }
`;
