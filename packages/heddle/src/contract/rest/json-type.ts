/** Whether a content type is JSON: `application/json`, or one that is built on it (RFC 6839), such as a problem's. */
export function isJsonType(contentType: string): boolean {
  return JSON_TYPE.test(contentType);
}

const JSON_TYPE = /^\s*(?:application|text)\/(?:[\w.!#$&^-]+\+)?json\s*(?:$|;)/i;
