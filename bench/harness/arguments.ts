/** The command line that `pair.ts` gives to its child processes. */
import type { PeerSetting, SuiteName } from "./suite.ts";

export interface ChildArguments {
  readonly suite: SuiteName;
  readonly name: string;
  readonly setting: PeerSetting;
  /** Of the server; 0 in the serving process. */
  readonly port: number;
}

export function readArguments(): ChildArguments {
  const [suite = "", name = "", setting = "", port = "0"] = process.argv.slice(2);
  return {
    suite: suite as SuiteName,
    name,
    setting: JSON.parse(setting) as PeerSetting,
    port: Number(port),
  };
}
