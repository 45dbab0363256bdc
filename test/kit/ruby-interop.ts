/**
 * The interop programs of the Ruby gRPC, which is a thin layer on the C core: where Debian's ruby-grpc has them, and
 * how they are run.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { runProgram, startProgram } from "./program.ts";

let folder: Promise<string> | undefined;

/** Where programs and certificates are. */
function rubyFolder(): Promise<string> {
  folder ??= runProgram("ruby", ["-e", 'puts Gem::Specification.find_by_name("grpc").gem_dir']).then((gem) =>
    join(gem.trim(), "src/ruby"),
  );
  return folder;
}

// The program binds a given port on every interface, and refuses calls when its 30 threads are busy. Here it takes a
// free port on loopback, says which, and has threads for all.
const ON_LOOPBACK = `
require "grpc"
GRPC::RpcServer.prepend(Module.new {
  def initialize(**options) = super(pool_size: 200, **options)
  def add_http2_port(_, credentials)
    super("127.0.0.1:0", credentials).tap { |port| $stdout.puts(port); $stdout.flush }
  end
})
load ARGV.shift
`;

/** Starts their server. */
export async function startRubyServer({ tls = false } = {}): Promise<RubyServer> {
  const program = join(await rubyFolder(), "pb/test/server.rb");
  const options = ["--port", "0", "--use_tls", String(tls)];
  const { line: port, end } = await startProgram("ruby", ["-e", ON_LOOPBACK, program, ...options]);
  return { address: `127.0.0.1:${port}`, end };
}

export interface RubyServer {
  readonly address: string;
  end(): Promise<void>;
}

// A server is to refuse a request that says it is compressed and is not, as a probe: that needs a handler who sees
// the flag of each message, and ours do not. What follows the probe is the same.
const WITHOUT_PROBE = `
load ARGV.shift
NamedTests.class_eval { def send_probe_for_compressed_request_support; end }
main
`;

export interface RubyClientOptions {
  readonly tls?: boolean;
  readonly probe?: boolean;
}

/** Runs a case of their client, which must pass. Their certificates are for names such as this. */
export async function runRubyCase(
  name: string,
  port: string | number,
  { tls = false, probe = true }: RubyClientOptions = {},
): Promise<void> {
  const program = join(await rubyFolder(), "pb/test/client.rb");
  const secure = ["--use_tls=true", "--use_test_ca=true", `--server_host_override=${TLS_NAME}`];
  const output = await runProgram("ruby", [
    ...(probe ? [] : ["-e", WITHOUT_PROBE]),
    program,
    "--server_host=127.0.0.1",
    `--server_port=${port}`,
    `--test_case=${name}`,
    ...(tls ? secure : []),
  ]);
  if (!output.includes(`OK: ${name}`)) throw new Error(output);
}

/** A name in the certificate of either side. */
export const TLS_NAME = "foo.test.google.fr";

/** Their authority, and a certificate for TLS_NAME with its key. */
export async function rubyCertificates(): Promise<Record<"ca" | "cert" | "key", Buffer>> {
  const folder = join(await rubyFolder(), "spec/testdata");
  const read = (name: string) => readFileSync(join(folder, name));
  return { ca: read("ca.pem"), cert: read("server1.pem"), key: read("server1.key") };
}
