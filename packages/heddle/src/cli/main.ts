/**
 * `heddle`: the command line. Data goes to standard output, words to standard error.
 * Exit codes: 0 ok, 1 a problem was found, 2 wrong usage, 3 the control plane cannot be reached.
 */
import { parseArgs } from "node:util";
import { isHeddleError, reasonText } from "../call/errors.ts";
import { VERSION } from "../call/version.ts";
import { control } from "./control.ts";
import { ps } from "./ps.ts";
import { stack } from "./stack.ts";

const USAGE = `heddle ${VERSION}: the service fabric for TypeScript

  heddle control [--listen host:port] [--data folder | --store etcd://…] [--cert file --key file [--ca file]]
                                                   run the control plane (registry); default 127.0.0.1:4747
  heddle ps [service] [--registry host:port] [--json] [--zone z] [--version v] [--contract c] [--label k=v] [--healthy]
                                                   list the instances that are registered
  heddle stack                                     print the layers that a call passes, both sides
  heddle --version | --help
`;

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(
    `heddle: ${isHeddleError(error) ? `${error.rawMessage}\nnext: ${error.hint}` : reasonText(error)}\n`,
  );
  const isUsage = (error as NodeJS.ErrnoException).code?.startsWith("ERR_PARSE_ARGS") ?? false;
  process.exitCode = isUsage ? 2 : 1;
}

async function main([command, ...args]: string[]): Promise<number> {
  switch (command) {
    case "control":
      return control(
        parseArgs({
          args,
          options: {
            listen: { type: "string" },
            data: { type: "string" },
            store: { type: "string" },
            cert: { type: "string" },
            key: { type: "string" },
            ca: { type: "string" },
          },
        }).values,
      );
    case "ps": {
      const { values, positionals } = parseArgs({
        args,
        allowPositionals: true,
        options: {
          registry: { type: "string" },
          json: { type: "boolean" },
          zone: { type: "string" },
          version: { type: "string" },
          contract: { type: "string" },
          label: { type: "string", multiple: true },
          healthy: { type: "boolean" },
        },
      });
      if (positionals.length > 1) return misused(`ps takes one service, not ${positionals.length}`);
      const bad = values.label?.find((label) => label.indexOf("=") < 1);
      if (bad !== undefined) return misused(`--label is name=value, not "${bad}"`);
      return ps({ ...values, service: positionals[0] });
    }
    case "stack":
      parseArgs({ args });
      return stack();
    case "--version":
      process.stdout.write(`${VERSION}\n`);
      return 0;
    case undefined:
    case "--help":
    case "help":
      process.stdout.write(USAGE);
      return command === undefined ? 2 : 0;
    default:
      return misused(`there is no command "${command}"`);
  }
}

function misused(reason: string): number {
  process.stderr.write(`heddle: ${reason}\n\n${USAGE}`);
  return 2;
}
