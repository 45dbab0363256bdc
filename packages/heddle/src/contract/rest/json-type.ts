/** Whether a content type is JSON: `application/json`, or one that is built on it (RFC 6839), such as a problem's. */
export function isJsonType(contentType: string): boolean {
  return JSON_TYPE.test(contentType);
}

/** Whether a content type is JSON by lines, under one of the names that it goes by. */
export function isLinesType(contentType: string): boolean {
  return LINES_TYPE.test(contentType);
}

const LINES_TYPE = /^\s*application\/(?:x-ndjson|ndjson|jsonl|x-jsonlines|json-lines)\s*(?:$|;)/i;
const JSON_TYPE = /^\s*(?:application|text)\/(?:[\w.!#$&^-]+\+)?json\s*(?:$|;)/i;
