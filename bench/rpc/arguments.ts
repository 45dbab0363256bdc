/** The command line that `pair.ts` gives to its child processes. */
import { isPeerName, type PeerName, type PeerSetting } from "./peer.ts";

export interface ChildArguments {
  readonly name: PeerName;
  readonly setting: PeerSetting;
  /** Of the server; 0 in the serving process. */
  readonly port: number;
}

export function readArguments(): ChildArguments {
  const [name = "", setting = "", port = "0"] = process.argv.slice(2);
  if (!isPeerName(name)) throw new Error(`there is no peer "${name}"`);
  return { name, setting: JSON.parse(setting) as PeerSetting, port: Number(port) };
}
