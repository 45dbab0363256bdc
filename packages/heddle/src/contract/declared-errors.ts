/**
 * The errors that a contract declares for a method (`heddle/options/v1/errors.proto`), checked once per method. Here, so that
 * a server does not start with a contract that names what is not there, and documents and callers can rely on it.
 */
import { type DescFile, type DescMessage, type DescMethod, getOption, hasOption } from "@bufbuild/protobuf";
import type { Code, ConnectError } from "@connectrpc/connect";
import { httpStatusOf } from "../call/connect-code.ts";
import { HeddleError, isHeddleError } from "../call/errors.ts";
import { toCode } from "../call/status.ts";
import { error } from "../gen/heddle/options/v1/errors_pb.ts";

export interface DeclaredError {
  readonly code: Code;
  /** Undefined for an error that is a code and a text. */
  readonly detail: DescMessage | undefined;
  /** When it comes; may be empty. */
  readonly description: string;
  /** Over REST. */
  readonly httpStatus: number;
}

/** Empty for a method that declares none. Throws `errorsInvalid`. */
export function declaredErrorsOf(method: DescMethod): readonly DeclaredError[] {
  let declared = known.get(method);
  if (declared === undefined) {
    declared = hasOption(method, error) ? readDeclared(method) : [];
    known.set(method, declared);
  }
  return declared;
}

const known = new WeakMap<DescMethod, readonly DeclaredError[]>();

function readDeclared(method: DescMethod): DeclaredError[] {
  const seen = new Set<string>();
  return getOption(method, error).map(({ code, detail: name, description, httpStatus: own }) => {
    const what = name === "" ? "an error without a detail" : name;
    if (code === 0) throw errorsInvalid(method, `${what} has no code, or OK, which is none`);
    const status = toCode(code);
    if (status === undefined)
      throw errorsInvalid(method, `${what} has code ${code}, which gRPC does not have`);
    if (own !== 0 && (own < 400 || own > 599))
      throw errorsInvalid(method, `${what} has HTTP status ${own}, which is none of an error`);
    const httpStatus = own === 0 ? httpStatusOf(status) : own;
    if (name === "") return { code: status, detail: undefined, description, httpStatus };
    if (seen.has(name)) throw errorsInvalid(method, `${name} is declared twice`);
    seen.add(name);
    const detail = messageNamed(name, method.parent.file);
    if (detail === undefined) {
      const where = `${method.parent.file.proto.name} and what it imports`;
      throw errorsInvalid(method, `there is no message ${name} in ${where}`);
    }
    return { code: status, detail, description, httpStatus };
  });
}

/** The HTTP status that the contract gives an error that a handler has thrown: by its detail, else by its code alone. */
export function declaredStatus(method: DescMethod, thrown: ConnectError): number | undefined {
  if (isHeddleError(thrown)) return undefined;
  const declared = declaredErrorsOf(method).filter(({ code }) => code === thrown.code);
  const names = thrown.details.map((each) => ("desc" in each ? each.desc.typeName : each.type));
  const found =
    declared.find(({ detail }) => detail !== undefined && names.includes(detail.typeName)) ??
    declared.find(({ detail }) => detail === undefined);
  return found?.httpStatus;
}

/** What is wrong with a method's errors, as the catalogue has it. */
export function errorsInvalid({ parent, name }: DescMethod, reason: string): HeddleError {
  return new HeddleError("errorsInvalid", { method: `${parent.typeName}/${name}`, reason });
}

/** In the file, or those that it imports, however far away. */
function messageNamed(name: string, file: DescFile): DescMessage | undefined {
  const seen = new Set<DescFile>([file]);
  // The set grows while it is walked.
  for (const { messages, dependencies } of seen) {
    const found = messageIn(messages, name);
    if (found !== undefined) return found;
    for (const dependency of dependencies) seen.add(dependency);
  }
  return undefined;
}

function messageIn(messages: readonly DescMessage[], name: string): DescMessage | undefined {
  for (const message of messages) {
    if (message.typeName === name) return message;
    if (!name.startsWith(`${message.typeName}.`)) continue;
    const inner = messageIn(message.nestedMessages, name);
    if (inner !== undefined) return inner;
  }
  return undefined;
}
