/** What a target finds in a services file: its instances, again whenever the file says something else. */
import type { Endpoint } from "../endpoint.ts";
import type { Source } from "../source.ts";
import { invalidTarget, type Target } from "../target.ts";
import { refuseTargetOptions } from "../target-options.ts";
import type { Catalog } from "./catalog.ts";

export interface FileSourceOptions {
  /** Of the file or folder that the registry names; undefined when it names none. */
  readonly catalog: Catalog | undefined;
  /** Of a file that a target names itself. */
  readonly catalogAt: (path: string) => Catalog;
  readonly silenceMs: number;
}

export function createFileSource(options: FileSourceOptions): Source {
  return {
    scheme: "file",
    silenceMs: options.silenceMs,
    async *open(target, signal) {
      const { catalog, name } = locate(target, options);
      let told: { readonly endpoints: readonly Endpoint[]; readonly complete: boolean } | undefined;
      for await (const view of catalog.follow(signal)) {
        const [endpoints, complete] = [view.find(name), view.complete];
        if (told?.endpoints === endpoints && told.complete === complete) {
          yield { kind: "alive" };
          continue;
        }
        told = { endpoints, complete };
        yield { kind: "snapshot", endpoints, complete };
      }
    },
  };
}

/** `file:///orders` is a name in the registry's file; `file:///etc/services.json?service=orders` brings its own. */
function locate(
  target: Target,
  { catalog, catalogAt }: FileSourceOptions,
): { catalog: Catalog; name: string } {
  refuseTargetOptions(target, "file", ["service"]);
  const { service } = target.query;
  if (service !== undefined) return { catalog: catalogAt(`/${target.name}`), name: service };
  if (catalog) return { catalog, name: target.name };
  throw invalidTarget(target, "say which service, as in file:///etc/services.json?service=orders");
}
