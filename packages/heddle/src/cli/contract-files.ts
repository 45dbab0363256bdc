/**
 * The contract of a folder, of the same folder at a git revision, or of an image. Sources are compiled by what is there: buf, or
 * protoc. Nothing of the user's is written: a revision is put into a folder of its own, beside git's index.
 */
import { execFile } from "node:child_process";
import {
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, delimiter, dirname, join, relative, resolve } from "node:path";
import { invalidOption } from "../call/check-option.ts";
import { reasonText } from "../call/errors.ts";
import { type Contract, type ContractOptions, readContract } from "../contract/compatibility/contract.ts";

export interface ContractChoice extends ContractOptions {
  /** Folder of `.proto` files, or of a `buf.yaml`. Default: this one if it has a `buf.yaml`, else `proto`. */
  readonly proto?: string | undefined;
  /** A file with a `FileDescriptorSet`, in the place of sources. */
  readonly image?: string | undefined;
}

/** What the working tree says. Throws `optionInvalid`. */
export async function contractHere({ proto, image, ...options }: ContractChoice): Promise<Contract> {
  if (image !== undefined) return readImage("image", image, options);
  const folder = folderOf(proto);
  return readContract(await compile(folder, process.cwd()), options);
}

/** What a git revision said, or an image says. Throws `optionInvalid`. */
export async function contractAt(
  ref: string,
  { proto, image, ...options }: ContractChoice,
): Promise<Contract> {
  if (existsSync(ref) && statSync(ref).isFile()) return readImage("ref", ref, options);
  const folder = folderOf(proto ?? (image === undefined ? undefined : "."));
  const commit = await git("rev-parse", "--verify", "--quiet", "--end-of-options", `${ref}^{commit}`).catch(
    () => {
      throw invalidOption("ref", `"${ref}" is neither a revision that git knows here nor a file`);
    },
  );
  const root = (await git("rev-parse", "--show-toplevel")).trim();
  const temporary = mkdtempSync(join(tmpdir(), "heddle-contract-"));
  try {
    const tree = join(temporary, "tree");
    await checkOut(commit.trim(), root, tree, join(temporary, "index"));
    const here = relative(root, process.cwd());
    return readContract(await compile(folder, join(tree, here)), options);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

/** The path of a file of the contract from here, for people and editors to open; undefined when there are several or none. */
export function createPathFinder({ proto, image }: ContractChoice): (file: string) => string | undefined {
  if (image !== undefined && proto === undefined) return () => undefined;
  const folder = folderOf(proto);
  const paths = globSync("**/*.proto", { cwd: folder, exclude: (path) => basename(path) === "node_modules" });
  return (file) => {
    const found = paths.filter((path) => path === file || path.endsWith(`/${file}`));
    return found.length === 1
      ? relative(process.cwd(), join(resolve(folder), found[0] as string))
      : undefined;
  };
}

function folderOf(proto: string | undefined): string {
  if (proto !== undefined) {
    if (!existsSync(proto)) throw invalidOption("proto", `there is no folder ${proto}`);
    return proto;
  }
  if (existsSync("buf.yaml") || existsSync("buf.work.yaml")) return ".";
  if (existsSync("proto")) return "proto";
  throw invalidOption(
    "proto",
    "there is neither a buf.yaml nor a folder proto here: name one, or an --image",
  );
}

function readImage(option: string, path: string, options: ContractOptions): Contract {
  try {
    return readContract(readFileSync(path), options);
  } catch (error) {
    throw invalidOption(
      option,
      `${path} is no image of a contract (buf build -o, protoc --descriptor_set_out --include_imports): ${reasonText(error)}`,
    );
  }
}

/** The image of a folder's sources. `cwd` is where it is looked up from. */
async function compile(folder: string, cwd: string): Promise<Uint8Array> {
  if (!existsSync(join(cwd, folder)))
    throw invalidOption("proto", `${folder} was not there in that revision`);
  const buf = findTool("buf");
  if (buf !== undefined) return run(buf, ["build", folder, "-o", "-#format=binpb"], cwd);
  const protoc = findTool("protoc");
  if (protoc !== undefined) return compileByProtoc(protoc, folder, cwd);
  throw invalidOption(
    "proto",
    "sources need a compiler, and there is neither buf nor protoc: npm install --save-dev @bufbuild/buf, or give an --image",
  );
}

async function compileByProtoc(protoc: string, folder: string, cwd: string): Promise<Uint8Array> {
  const files = globSync("**/*.proto", {
    cwd: join(cwd, folder),
    exclude: (path) => basename(path) === "node_modules",
  });
  // Whoever proposes a change chooses the names of its files, and options of protoc run programs.
  const odd = files.find((file) => /^[-@]/.test(file));
  if (odd !== undefined) throw invalidOption("proto", `protoc would take the file "${odd}" for an option`);
  const temporary = mkdtempSync(join(tmpdir(), "heddle-contract-"));
  const image = join(temporary, "image.binpb");
  const shared = join(cwd, "node_modules/heddle/proto");
  try {
    const paths = [folder, ...(existsSync(shared) ? [shared] : [])].map((path) => `--proto_path=${path}`);
    const flags = ["--include_imports", "--include_source_info", `--descriptor_set_out=${image}`];
    await run(protoc, [...paths, ...flags, ...files], cwd);
    return readFileSync(image);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

/** As npm has it, from here upwards; else on the path. */
function findTool(name: string): string | undefined {
  const folders: string[] = [];
  for (let folder = process.cwd(); ; folder = dirname(folder)) {
    folders.push(join(folder, "node_modules/.bin"));
    if (dirname(folder) === folder) break;
  }
  folders.push(...(process.env["PATH"] ?? "").split(delimiter));
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

/** The sources of a commit, with the packages that are installed here, from which they may import. */
async function checkOut(commit: string, root: string, tree: string, index: string): Promise<void> {
  mkdirSync(tree, { recursive: true });
  const env = { ...process.env, GIT_INDEX_FILE: index };
  const names = (await git("-C", root, "ls-tree", "-r", "-z", "--name-only", commit)).split("\0");
  const wanted = names.filter((name) => /(?:\.proto|(?:^|\/)buf(?:\.work)?\.(?:yaml|lock))$/.test(name));
  await run("git", ["-C", root, "read-tree", commit], root, { env });
  await run("git", ["-C", root, "checkout-index", "-z", "--stdin", `--prefix=${tree}/`], root, {
    env,
    input: wanted.join("\0"),
  });
  for (const folder of new Set([root, process.cwd()])) {
    const packages = join(folder, "node_modules");
    const there = join(tree, relative(root, folder), "node_modules");
    if (!existsSync(packages) || existsSync(there) || !existsSync(dirname(there))) continue;
    symlinkSync(packages, there, "junction");
  }
}

async function git(...args: readonly string[]): Promise<string> {
  return (await run("git", args, process.cwd())).toString("utf8");
}

/** What it writes to standard output. Throws `optionInvalid` with what it says, when it fails. */
function run(
  program: string,
  args: readonly string[],
  cwd: string,
  { env, input }: { readonly env?: NodeJS.ProcessEnv; readonly input?: string } = {},
): Promise<Buffer> {
  return new Promise((resolveOutput, reject) => {
    const child = execFile(
      program,
      args,
      { cwd, env: env ?? process.env, encoding: "buffer", maxBuffer: MAX_OUTPUT_BYTES, timeout: TIMEOUT_MS },
      (error, stdout, stderr) => {
        if (error === null) return resolveOutput(stdout);
        const said = stderr.toString("utf8").trim() || error.message;
        reject(invalidOption("proto", `${basename(program)} ${args[0] ?? ""}: ${said.slice(0, 2000)}`));
      },
    );
    // A program that ends before it has read all says itself why.
    child.stdin?.on("error", () => {});
    child.stdin?.end(input);
  });
}

const MAX_OUTPUT_BYTES = 256 * 1024 * 1024;
const TIMEOUT_MS = 60_000;
