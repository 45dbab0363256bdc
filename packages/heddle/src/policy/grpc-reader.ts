/**
 * What reading gRPC's JSON is made of: values that are checked one by one, faults and notes that are gathered.
 */
import { isJsonObject } from "../call/json-object.ts";
import { meantBy } from "./meant-by.ts";
import { checkValue, type Fault, MAX_FAULTS, type Path, pathText, show } from "./check-value.ts";
import { fromGrpcDuration } from "./grpc-duration.ts";

export type Json = Readonly<Record<string, unknown>>;

/** Gives something for every value, so that reading goes on and finds the other faults as well. */
export class GrpcReader {
  readonly faults: Fault[] = [];
  /** What has no effect here, a sentence each. */
  readonly notes: string[] = [];
  readonly #faulty = new Set<string>();

  duration(value: unknown, path: Path, from: "from 0s" | "above 0s" = "above 0s"): number {
    const ms = fromGrpcDuration(value);
    if (ms !== undefined && (ms > 0 || from === "from 0s")) return Math.min(ms, MAX_DURATION_MS);
    this.fault(path, `it must be a time in seconds, ${from}, such as "1.5s", not ${show(value)}`);
    return 1;
  }

  /** Protobuf's JSON writes large numbers as texts. */
  count(value: unknown, path: Path, max = MAX_UINT32): number {
    const count = typeof value === "string" && /^\d{1,10}$/.test(value) ? Number(value) : value;
    if (Number.isInteger(count) && Number(count) >= 0 && Number(count) <= max) return Number(count);
    this.fault(path, `it must be a whole number from 0 to ${max}, not ${show(value)}`);
    return 0;
  }

  codes(value: unknown, path: Path, atLeast: number): string[] {
    const is = { kind: "list", of: { kind: "code" }, atLeast } as const;
    return (checkValue(value, is, path, this.faults) ?? []) as string[];
  }

  object(value: unknown, path: Path): Json {
    if (isJsonObject(value)) return value;
    this.fault(path, `it must be an object, not ${show(value)}`);
    return {};
  }

  list(value: unknown, path: Path): readonly unknown[] {
    if (Array.isArray(value)) return value;
    this.fault(path, `it must be a list, not ${show(value)}`);
    return [];
  }

  noteOthers(given: Json, known: readonly string[], path: Path): void {
    for (const name of Object.keys(given)) {
      if (known.includes(name)) continue;
      const meant = meantBy(name, known);
      this.notes.push(
        `${pathText([...path, name])} has no effect here${meant === undefined ? "" : `; did you mean ${meant}?`}`,
      );
    }
  }

  /** Of one place only the first is kept: what follows is mostly about the same. */
  fault(path: Path, reason: string): void {
    if (this.faults.length >= MAX_FAULTS) return;
    const place = pathText(path);
    if (this.#faulty.has(place)) return;
    this.#faulty.add(place);
    this.faults.push({ path, reason });
  }
}

const MAX_UINT32 = 4_294_967_295;
/** Thirty days: what is longer never ends anything. */
const MAX_DURATION_MS = 30 * 24 * 3_600_000;
