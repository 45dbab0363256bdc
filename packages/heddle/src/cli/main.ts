/**
 * `heddle`: the command line. Data goes to standard output, words to standard error. A command is loaded when it is
 * asked for: none needs what the others do, and help is there at once.
 * Exit codes: 0 ok, 1 a problem was found, 2 wrong usage, 3 the control plane cannot be reached.
 */
import { parseArgs } from "node:util";
import { isHeddleError, reasonText } from "../call/errors.ts";
import { nearest } from "../call/nearest.ts";
import { VERSION } from "../call/version.ts";

const USAGE = `heddle ${VERSION}: the service fabric for TypeScript

  heddle control [--listen host:port] [--data folder | --store etcd://…] [--cert file --key file [--ca file]]
                                                   run the control plane (registry); default 127.0.0.1:4747
  heddle ps [service] [--registry host:port] [--json] [--zone z] [--version v] [--contract c] [--label k=v] [--healthy]
                                                   list the instances that are registered
  heddle config show [name] [--grpc] | set name file | delete name [--registry host:port]
  heddle config validate file [--grpc]             service configs: those of the control plane, or what is in a file
  heddle contract diff <ref | image> [--proto folder | --image file] [--only wire,json,source,rest] [--conventions] [--json]
                                                   what the contract here breaks, against a git revision or an image
  heddle contract check --live [--registry host:port] [--proto folder | --image file] [--days 1-14] [--strict] [--json]
                                                   whom it would break of those that run
  heddle monitoring prometheus | rules | alertmanager | operator | grafana | all [--out folder] [--slo file] [--force]
                                                   write files for them: scraping, rules, objectives, dashboards
             [--registry host:port] [--alertmanager host:port] [--prometheus url] [--namespace n] [--interval s] [--time-scale n]
  heddle calls [--failed | --slow] [--service s] [--method m] [--limit n] [--registry host:port] [--json]
                                                   calls that the control plane keeps: failed, slow, and some others
  heddle explain <call id> [--registry host:port] [--json]
                                                   why a call failed, or where its time went
  heddle stats [service] [--window seconds] [--registry host:port | --prometheus url] [--json]
                                                   rate, failures and times of the calls that services get
  heddle stack                                     print the layers that a call passes, both sides
  heddle --version | --help
`;

const CONTROL = {
  listen: { type: "string" },
  data: { type: "string" },
  store: { type: "string" },
  cert: { type: "string" },
  key: { type: "string" },
  ca: { type: "string" },
} as const;

const PS = {
  registry: { type: "string" },
  json: { type: "boolean" },
  zone: { type: "string" },
  version: { type: "string" },
  contract: { type: "string" },
  label: { type: "string", multiple: true },
  healthy: { type: "boolean" },
} as const;

const CONFIG = {
  registry: { type: "string" },
  grpc: { type: "boolean" },
} as const;

const CONTRACT = {
  registry: { type: "string" },
  proto: { type: "string" },
  image: { type: "string" },
  conventions: { type: "boolean" },
  only: { type: "string" },
  json: { type: "boolean" },
  live: { type: "boolean" },
  strict: { type: "boolean" },
  days: { type: "string" },
} as const;

const MONITORING = {
  out: { type: "string" },
  slo: { type: "string" },
  registry: { type: "string" },
  alertmanager: { type: "string" },
  prometheus: { type: "string" },
  namespace: { type: "string" },
  interval: { type: "string" },
  "time-scale": { type: "string" },
  force: { type: "boolean" },
} as const;

const CALLS = {
  registry: { type: "string" },
  json: { type: "boolean" },
  failed: { type: "boolean" },
  slow: { type: "boolean" },
  service: { type: "string" },
  method: { type: "string" },
  limit: { type: "string" },
} as const;

const EXPLAIN = {
  registry: { type: "string" },
  json: { type: "boolean" },
} as const;

const STATS = {
  registry: { type: "string" },
  json: { type: "boolean" },
  prometheus: { type: "string" },
  window: { type: "string" },
} as const;

/** By command. */
const OPTIONS: Readonly<Record<string, object>> = {
  control: CONTROL,
  ps: PS,
  config: CONFIG,
  contract: CONTRACT,
  monitoring: MONITORING,
  calls: CALLS,
  explain: EXPLAIN,
  stats: STATS,
};

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.exitCode = failed(error);
}

async function main([command, ...args]: string[]): Promise<number> {
  if (args.includes("--help")) return help();
  switch (command) {
    case "control": {
      const { control } = await import("./control.ts");
      return control(parseArgs({ args, options: CONTROL }).values);
    }
    case "ps": {
      const { values, positionals } = parseArgs({ args, allowPositionals: true, options: PS });
      if (positionals.length > 1) return misused(`ps takes one service, not ${positionals.length}`);
      const bad = values.label?.find((label) => label.indexOf("=") < 1);
      if (bad !== undefined) return misused(`--label is name=value, not "${bad}"`);
      const { ps } = await import("./ps.ts");
      return ps({ ...values, service: positionals[0] });
    }
    case "config": {
      const { values, positionals } = parseArgs({ args, allowPositionals: true, options: CONFIG });
      const { CONFIG_USAGE, config } = await import("./config.ts");
      return (await config(positionals, values)) ?? misused(CONFIG_USAGE);
    }
    case "contract": {
      const { values, positionals } = parseArgs({ args, allowPositionals: true, options: CONTRACT });
      const { CONTRACT_USAGE, contract } = await import("./contract.ts");
      return (await contract(positionals, values)) ?? misused(CONTRACT_USAGE);
    }
    case "monitoring": {
      const { values, positionals } = parseArgs({ args, allowPositionals: true, options: MONITORING });
      const { MONITORING_USAGE, monitoring } = await import("./monitoring.ts");
      return (await monitoring(positionals, values)) ?? misused(MONITORING_USAGE);
    }
    case "calls": {
      const { calls } = await import("./calls.ts");
      return calls(parseArgs({ args, options: CALLS }).values);
    }
    case "explain": {
      const { values, positionals } = parseArgs({ args, allowPositionals: true, options: EXPLAIN });
      const [id] = positionals;
      if (id === undefined || positionals.length > 1) return misused("explain takes the id of one call");
      const { explainCall } = await import("./calls.ts");
      return explainCall(id, values);
    }
    case "stats": {
      const { values, positionals } = parseArgs({ args, allowPositionals: true, options: STATS });
      if (positionals.length > 1) return misused(`stats takes one service, not ${positionals.length}`);
      if (values.prometheus !== undefined && positionals.length === 0)
        return misused("stats --prometheus takes a service");
      const { stats } = await import("./calls.ts");
      return stats(positionals[0], values);
    }
    case "stack": {
      parseArgs({ args });
      const { stack } = await import("./stack.ts");
      return stack();
    }
    case "--version":
      process.stdout.write(`${VERSION}\n`);
      return 0;
    case undefined:
    case "--help":
    case "help":
      return help(command === undefined ? 2 : 0);
    default:
      return misused(`there is no command "${command}"`);
  }
}

function help(exitCode = 0): number {
  process.stdout.write(USAGE);
  return exitCode;
}

function failed(error: unknown): number {
  if (isHeddleError(error)) {
    const isMisused = error.reason === "optionInvalid";
    const next = isMisused
      ? `heddle ${process.argv[2]} --help shows its options; those of a registry's URL stand in its guide`
      : error.hint;
    process.stderr.write(`heddle: ${error.rawMessage}\nnext: ${next}\n`);
    return isMisused ? 2 : 1;
  }
  const { code, message } = error as NodeJS.ErrnoException;
  if (typeof code === "string" && code.startsWith("ERR_PARSE_ARGS")) return misused(withMeant(message));
  process.stderr.write(`heddle: ${reasonText(error)}\n`);
  return 1;
}

/** What `parseArgs` says, with the option that may have been meant instead of how to write an argument that begins with a dash. */
function withMeant(message: string): string {
  const [sentence = message] = message.split(/\. |\n/);
  const [, given] = /^Unknown option '--([^']+)'/.exec(sentence) ?? [];
  const meant = given && nearest(given, Object.keys(OPTIONS[process.argv[2] ?? ""] ?? {}));
  return meant ? `${sentence}; did you mean --${meant}?` : sentence;
}

function misused(reason: string): number {
  process.stderr.write(`heddle: ${reason}\n\n${USAGE}`);
  return 2;
}
