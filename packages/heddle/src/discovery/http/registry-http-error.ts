/** Why an exchange with a registry over HTTP came to nothing: host, method, path and reason, and nothing that may be secret. */

type Asked = { readonly method: string; readonly path: string };

/** No answer, or none that can be used. */
export class RegistryHttpError extends Error {
  override readonly name = "RegistryHttpError";
  /** `host:port` */
  readonly host: string;
  /** Undefined when there was no answer. */
  readonly status: number | undefined;

  constructor(request: Asked, host: string, reason: string, from: ErrorFrom = {}) {
    super(`${host}: ${request.method} ${request.path}: ${reason}`, { cause: from.cause });
    this.host = host;
    this.status = from.status;
  }
}

interface ErrorFrom {
  readonly cause?: unknown;
  readonly status?: number;
}

/** The error for an answer with a status that is none of the wanted: what the server says, shortened. */
export function statusError(
  request: Asked,
  { host, status }: { readonly host: string; readonly status: number },
  body: string,
): RegistryHttpError {
  const said = body.replace(/\s+/g, " ").trim();
  const shown = said === "" ? "" : `: ${said.length > 200 ? `${said.slice(0, 200)}…` : said}`;
  return new RegistryHttpError(request, host, `HTTP status ${status}${shown}`, { status });
}

/** undici's errors hold no more than addresses and codes; an attempt at several addresses fails with one per address. */
export function failureText(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return failureText(error.errors[0]);
  return error instanceof Error ? error.message || error.name : String(error);
}
