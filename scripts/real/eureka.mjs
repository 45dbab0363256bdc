// Spring Cloud's Eureka server: a program of one class, in test/kit/registries/eureka, with what it needs from Maven.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { cacheDirectory, fingerprint, listFiles, readStamp, root, writeStamp } from "../workspace.mjs";
import { installPackages } from "./debian.mjs";
import { run, say } from "./run.mjs";

const SOURCE = "test/kit/registries/eureka";
const QUIET = ["--logging.level.root=error"];

/**
 * Puts its class and its libraries into `lib` of the cache's folder `eureka`, and beside them `classes.jsa`, the
 * classes as Java had them in memory after a start: with it the next start takes half the time.
 */
export function buildEureka() {
  const into = join(cacheDirectory, "eureka");
  const stamp = fingerprint(listFiles(SOURCE));
  if (existsSync(into) && readStamp("eureka") === stamp) return;
  installPackages({ "default-jdk-headless": ["javac", "-version"], maven: ["mvn", "--version"] });
  say("Eureka from Maven");
  const pom = join(root, SOURCE, "pom.xml");
  run("mvn", "-B", "-q", "-f", pom, `-Dinto=${into}`, "clean", "package", "dependency:copy-dependencies");
  const archive = `-XX:ArchiveClassesAtExit=${join(into, "classes.jsa")}`;
  const once = "-Dspring.context.exit=onRefresh";
  run("java", archive, once, "-cp", `${join(into, "lib")}/*`, "EurekaServer", ...QUIET);
  writeStamp("eureka", stamp);
}
