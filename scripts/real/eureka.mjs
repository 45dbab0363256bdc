// Spring Cloud's Eureka server: a program of one class, in test/kit/registries/eureka, with what it needs from Maven.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { cacheDirectory, fingerprint, listFiles, readStamp, root, writeStamp } from "../workspace.mjs";
import { installPackages } from "./debian.mjs";
import { run, say } from "./run.mjs";

const SOURCE = "test/kit/registries/eureka";

/** Puts its class into `classes` and its libraries into `lib` of the cache's folder `eureka`. */
export function buildEureka() {
  const into = join(cacheDirectory, "eureka");
  const stamp = fingerprint(listFiles(SOURCE));
  if (existsSync(into) && readStamp("eureka") === stamp) return;
  installPackages({ "default-jdk-headless": ["javac", "-version"], maven: ["mvn", "--version"] });
  say("Eureka from Maven");
  const pom = join(root, SOURCE, "pom.xml");
  run("mvn", "-B", "-q", "-f", pom, `-Dinto=${into}`, "clean", "compile", "dependency:copy-dependencies");
  writeStamp("eureka", stamp);
}
