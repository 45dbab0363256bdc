/**
 * `npm start`: the order system as it would run in production, on one machine. Nine processes find each other, take a
 * burst of orders, lose an instance of inventory in the middle, and go on; then the books are checked. Stays up
 * until Ctrl-C; with `--exit` it ends after the report, with 0 only if no order failed and the books balance.
 * `--registry` says through what they find each other: a URL, or a kind such as `etcd`, of which a server is started.
 * Exit codes: 0 good, 1 an order failed or the books don't balance, 2 wrong usage, 130 stopped before the report.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs, type ParseArgsConfig } from "node:util";
import { createMesh } from "heddle";
import { createCallTally } from "./src/call-tally.ts";
import { checkBooks } from "./src/demo/books.ts";
import { startBurst } from "./src/demo/burst.ts";
import { killAndRestart } from "./src/demo/outage.ts";
import { createProgress } from "./src/demo/progress.ts";
import { formatReport, isGood, withoutOptions } from "./src/demo/report.ts";
import { faultOf, openDemoRegistry } from "./src/demo/registry.ts";
import { startSystem } from "./src/demo/system.ts";
import { OrderService } from "./src/gen/shop/v1/order_pb.ts";

const IN_FLIGHT = 32;

const { values } = readArguments({
  options: {
    /** End after the report. */
    exit: { type: "boolean", default: false },
    /** At least so many orders; as many more as it takes to see the restarted instance at work. */
    orders: { type: "string", default: "2000" },
    /** See `openDemoRegistry`. */
    registry: { type: "string", default: "heddle" },
  },
});
const fault = await faultOf(values.registry);
if (fault !== undefined) {
  console.error(`--registry: ${fault}`);
  process.exit(2);
}
const orders = Math.max(1, Number(values.orders) || 0);

const stop = Promise.withResolvers<never>();
stop.promise.catch(() => {});
const progress = createProgress(process.stderr);
let isUp = false;

/** Ends the run, whatever it is doing. */
class Stopped extends Error {
  readonly exitCode: number;
  constructor(message: string, exitCode: number) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** When the first signal came. */
let signalledAt: number | undefined;
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    signalledAt ??= performance.now();
    stop.reject(new Stopped("stopping", isUp ? 0 : 130));
    // Later another one ends it at once; the children see that their starter is gone. Not an echo of the first: of one
    // Ctrl-C we hear twice, from the terminal and from npm, which passes it on.
    if (performance.now() - signalledAt > 500) process.exit(130);
  });
}

try {
  process.exitCode = await run();
} catch (error) {
  if (!(error instanceof Stopped)) throw error;
  process.exitCode = error.exitCode;
}
process.exit();

async function run(): Promise<number> {
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "heddle-orders-"));
  stack.defer(() => rm(folder, { recursive: true, force: true }));

  progress.step(`opening the registry (${withoutOptions(values.registry)}) …`);
  const registry = await owned(stack, openDemoRegistry(values.registry, { folder, onCrash }));
  progress.step("starting two instances of each service …");
  const system = await owned(stack, startSystem({ registry, folder, instancesPerService: 2, onCrash }));

  const customer = createCallTally();
  const mesh = await createMesh({
    service: "customer",
    registry: registry.url,
    stateFolder: false,
    client: { observe: customer.observe },
  });
  stack.use(mesh);

  progress.step(`${system.processes} processes are up; placing orders, ${IN_FLIGHT} in flight …`);
  const burst = stack.use(startBurst(mesh.client(OrderService), IN_FLIGHT));
  const following = progress.follow(burst);
  stack.use(following);
  await orStop(burst.reaches(Math.floor(orders / 3)));
  progress.step("killing inventory-1 …");
  const outage = await orStop(killAndRestart(system, "inventory-1", burst));
  progress.step("inventory-1 is back");
  const result = await orStop(burst.stopAfter(Math.max(orders, burst.answered + Math.floor(orders / 2))));
  following[Symbol.dispose]();

  const tallies = [customer.tally, ...(await orStop(system.tallies()))];
  const books = await orStop(checkBooks(mesh, result.placed));
  const report = {
    registry,
    processes: system.processes,
    inFlight: IN_FLIGHT,
    burst: result,
    outage,
    tallies,
    books,
    nameAt: (address: string) => system.nameAt(address),
  };
  process.stdout.write(`\n${formatReport(report)}\n`);
  if (values.exit) return isGood(report) ? 0 : 1;

  isUp = true;
  process.stderr.write(`${invitation(registry.url, system.addressOf("order-1"))}\n`);
  return await stop.promise;
}

/** What to type into another terminal. `address` is that of an order instance. */
function invitation(registry: string, address: string): string {
  const order = `{"orderId":"my-order","sku":"mug","quantity":2,"card":"4000 0000 0000 4242"}`;
  return `The system stays up. Place one more order from another terminal:

  npm run order -- --registry ${inShell(registry)} --sku mug --quantity 2

or by plain HTTP, from any instance of orders:

  curl -i http://${address}/v1/orders -H 'content-type: application/json' \\
    -d '${order}'
  curl -i http://${address}/v1/orders/my-order
  curl 'http://${address}/v1/orders?pageSize=3'
  curl http://${address}/v1/stock

All that it answers is told at http://${address}/openapi.json,
and at http://${address}/docs for people. Ctrl-C ends it.`;
}

/** As `parseArgs`; wrong usage is a line and exit code 2. */
function readArguments<const T extends ParseArgsConfig>(config: T): ReturnType<typeof parseArgs<T>> {
  try {
    return parseArgs(config);
  } catch (error) {
    console.error(
      `${(error as Error).message}; there are --exit, --orders <count>, --registry <kind or URL>`,
    );
    process.exit(2);
  }
}

/** What is being started, which the stack ends even if the run is stopped before it is there. */
function owned<T extends AsyncDisposable>(stack: AsyncDisposableStack, starting: Promise<T>): Promise<T> {
  stack.defer(async () => {
    const started = await starting.catch(() => undefined);
    await started?.[Symbol.asyncDispose]();
  });
  return orStop(starting);
}

/** What `work` gives, unless the run is stopped first. */
function orStop<T>(work: Promise<T>): Promise<T> {
  return Promise.race([work, stop.promise]);
}

/** A word of a command, in quotes if the shell would read more into it. */
function inShell(word: string): string {
  return /^[\w:/.,-]+$/.test(word) ? word : `'${word}'`;
}

function onCrash(name: string, output: string): void {
  const lines = output.split("\n").map((line) => `${name} | ${line}\n`);
  process.stderr.write(`\n${name} ended by itself\n${lines.join("")}`);
  stop.reject(new Stopped(`${name} ended by itself`, 1));
}
