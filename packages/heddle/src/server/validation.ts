/**
 * The rules of a contract (protovalidate, `buf.validate`), checked before a handler sees a request.
 *
 * What is checked is settled once for each type, when the server is made: a method whose request has no rules gets no check
 * and pays nothing, and a contract with rules that cannot be checked is refused there, not by its first call. The
 * evaluator is protovalidate's own, an optional package: it is loaded only when there is a rule.
 */
import { create, type DescMessage, type DescMethod, isMessage, type Message } from "@bufbuild/protobuf";
import { pathToString } from "@bufbuild/protobuf/reflect";
import { Code } from "@connectrpc/connect";
import type * as Protovalidate from "@bufbuild/protovalidate";
import { invalidOption } from "../call/check-option.ts";
import { HeddleError, reasonText } from "../call/errors.ts";
import { oneLine } from "../call/one-line.ts";
import { registryOfServices } from "../contract/registry-of-services.ts";
import { hasRules, typesIn } from "../contract/validation/has-rules.ts";
import type { Implementation } from "./implement.ts";

export interface ValidateOptions {
  /**
   * Checks what handlers answer as well; an answer that breaks a rule becomes HDL-3003 (INTERNAL), and `onHandlerError` is
   * told. For tests: it costs each answer, and its caller has no use for the error. Default false.
   */
  readonly answers?: boolean;
}

/** Undefined for a message that keeps the rules, else the error that the call is to end with. */
export type MessageCheck = (message: Message) => HeddleError | undefined;

export interface Validation {
  /** Undefined when there is nothing to check. */
  checkOfRequest(method: DescMethod): MessageCheck | undefined;
  checkOfAnswer(method: DescMethod): MessageCheck | undefined;
}

/**
 * Undefined when none of the services has rules that are to be checked. Throws `optionInvalid` when there are rules and the
 * package that checks them is not installed, and `rulesInvalid` for rules that make no sense.
 */
export async function openValidation(
  implementations: readonly Implementation[],
  options: ValidateOptions | false = {},
): Promise<Validation | undefined> {
  if (options === false) return undefined;
  const { answers = false } = options;
  const services = implementations.map(({ service }) => service);
  const methods = services.flatMap((service) => service.methods);
  const types = methods
    .flatMap(({ input, output }) => (answers ? [input, output] : [input]))
    .filter(hasRules);
  if (types.length === 0) return undefined;
  const evaluator = await loadEvaluator(types[0] as DescMessage);
  const validator = evaluator.createValidator({ registry: registryOfServices(services) });
  for (const type of new Set(types.flatMap(typesIn).filter(hasRules))) {
    // A rule is compiled when it is first met, and this meets all of them.
    const { error } = validator.validate(type, create(type));
    if (error instanceof evaluator.CompilationError) throw rulesInvalid(type, error);
  }

  const faultOf = (type: DescMessage, message: Message, toError: (reason: string) => HeddleError) => {
    // Handlers may answer with less than a message, and with what plain JavaScript lets through.
    const whole = isMessage(message, type) ? message : create(type, message);
    const result = validator.validate(type, whole);
    if (result.kind === "valid") return undefined;
    if (result.kind === "error") return rulesInvalid(type, result.error, Code.Internal);
    const error = toError(sentenceOf(result.violations));
    const [value, desc] = evaluator.violationsToProto(result.violations);
    error.details.push({ desc, value });
    return error;
  };

  return {
    checkOfRequest(desc) {
      const { input } = desc;
      if (!hasRules(input)) return undefined;
      const method = nameOf(desc);
      const toError = (reason: string) => new HeddleError("requestBreaksRules", { method, reason });
      return (message) => faultOf(input, message, toError);
    },
    checkOfAnswer(desc) {
      const { output } = desc;
      if (!answers || !hasRules(output)) return undefined;
      const method = nameOf(desc);
      const toError = (reason: string) => new HeddleError("answerBreaksRules", { method, reason });
      return (message) => faultOf(output, message, toError);
    },
  };
}

async function loadEvaluator({ typeName }: DescMessage): Promise<typeof Protovalidate> {
  try {
    return await import("@bufbuild/protovalidate");
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "ERR_MODULE_NOT_FOUND") throw cause;
    const remedy = "npm install @bufbuild/protovalidate, or validate: false to leave them unchecked";
    throw invalidOption(
      "validate",
      `${typeName} has rules, and nothing is installed to check them: ${remedy}`,
    );
  }
}

function rulesInvalid({ typeName }: DescMessage, cause: Error, code = Code.InvalidArgument): HeddleError {
  const reason = oneLine(reasonText(cause));
  return new HeddleError("rulesInvalid", { message: typeName, reason }, { cause, code });
}

/** `amount.units: must be greater than 0 (int64.gt)`; the detail has those that have no room here. */
function sentenceOf(violations: readonly Protovalidate.Violation[]): string {
  const told = violations.slice(0, MOST_TOLD).map(({ field, message, ruleId, forKey }) => {
    const place = pathToString(field) + (forKey ? " (its key)" : "");
    const text = message === "" ? "is not valid" : oneLine(message).slice(0, MOST_LETTERS);
    return `${place === "" ? "" : `${place}: `}${text}${ruleId === "" ? "" : ` (${ruleId})`}`;
  });
  const more = violations.length - told.length;
  return [...told, ...(more > 0 ? [`and ${more} more`] : [])].join("; ");
}

/** It travels in a header field. */
const MOST_TOLD = 5;
const MOST_LETTERS = 200;

function nameOf({ parent, name }: DescMethod): string {
  return `${parent.typeName}/${name}`;
}
