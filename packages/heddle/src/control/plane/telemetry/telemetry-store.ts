/** All that the control plane keeps of what processes measure. In memory, bounded in each part. */
import { CallStore } from "./call-store.ts";
import { Reporters } from "./reporters.ts";
import { SeriesStore, type SeriesStoreOptions } from "./series-store.ts";

export interface TelemetryStore {
  readonly series: SeriesStore;
  readonly calls: CallStore;
  readonly reporters: Reporters;
}

export function createTelemetryStore(series: SeriesStoreOptions = {}): TelemetryStore {
  return { series: new SeriesStore(series), calls: new CallStore(), reporters: new Reporters() };
}
