/**
 * The receiver of OpenTelemetry's collector, alone (see otlp-receiver/main.go): it takes spans by OTLP over HTTP and tells
 * what it has understood. It ends when this process does, for it reads from us.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { freePort } from "./free-ports.ts";
import { builtProgram } from "./registries/places.ts";
import { within } from "./within.ts";

/** In OTLP's JSON form. */
export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  /** 1 internal, 2 server, 3 client. */
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes?: readonly OtlpAttribute[];
  readonly events?: readonly { readonly name: string }[];
  readonly status: { readonly code?: number; readonly message?: string };
}

export interface OtlpAttribute {
  readonly key: string;
  readonly value: Readonly<Record<string, string | number | boolean>>;
}

export interface OtlpReceiver extends AsyncDisposable {
  /** Such as `http://127.0.0.1:4318`. */
  readonly url: string;
  readonly spans: readonly (ReceivedSpan & { readonly service: string })[];
}

interface Batch {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly OtlpAttribute[] };
    readonly scopeSpans: readonly { readonly spans: readonly ReceivedSpan[] }[];
  }[];
}

export async function startOtlpReceiver(): Promise<OtlpReceiver> {
  const address = `127.0.0.1:${await freePort()}`;
  const spans: (ReceivedSpan & { readonly service: string })[] = [];
  const child = spawn(builtProgram("otlp-receiver"), [address], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout });
  await within(once(lines, "line"), "the start of the OTLP receiver");
  lines.on("line", (line) => {
    for (const { resource, scopeSpans } of (JSON.parse(line) as Batch).resourceSpans) {
      const service = String(valueOf(resource.attributes, "service.name"));
      for (const scope of scopeSpans) spans.push(...scope.spans.map((span) => ({ ...span, service })));
    }
  });
  return {
    url: `http://${address}`,
    spans,
    async [Symbol.asyncDispose]() {
      const ended = once(child, "exit");
      child.stdin.end();
      await within(ended, "the end of the OTLP receiver");
    },
  };
}

export function valueOf(attributes: readonly OtlpAttribute[] | undefined, key: string): unknown {
  const found = attributes?.find((attribute) => attribute.key === key);
  return found && Object.values(found.value)[0];
}
