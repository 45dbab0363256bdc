// Programs that are packages of Debian.

import { fail, run, say, succeeds } from "./run.mjs";

/** Installs the packages that are missing. Each has a command that succeeds when it is there. */
export function installPackages(packages) {
  const isMissing = (name) => !succeeds(...packages[name]);
  const missing = Object.keys(packages).filter(isMissing);
  if (missing.length === 0) return;
  say(`${missing.join(", ")} from Debian`);
  run("apt-get", "update", "-qq");
  run("apt-get", "install", "-y", "-qq", "--no-install-recommends", ...missing);
  const still = missing.filter(isMissing);
  if (still.length > 0) fail(`${still.join(", ")} cannot be used although apt-get installed it`);
}
