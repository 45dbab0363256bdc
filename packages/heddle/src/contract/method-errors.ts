/**
 * The errors of a method for both of its sides: a server makes one with the code that the contract gives it, a caller asks an
 * error which of them it is. Options of a contract have no types in generated code, so the list stands in TypeScript as
 * well, and is held against the contract where it is made: one that is out of date fails before the first call.
 */
import type { DescMessage, DescMethod, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import { declaredErrorsOf, errorsInvalid } from "./declared-errors.ts";

export interface MethodErrors<Schema extends DescMessage> {
  /** An error to throw: with the code that the contract declares for this detail, and the detail. */
  create<Detail extends Schema>(
    detail: Detail,
    value: MessageInitShape<Detail>,
    options?: NewErrorOptions,
  ): ConnectError;
  /**
   * The detail of an error that is one of these, else undefined. A `switch` over its `$typeName` tells which, and its type
   * with it. Takes any value: what is no error of a call has no detail.
   */
  detailOf(error: unknown): MessageShape<Schema> | undefined;
}

export interface NewErrorOptions {
  /** For people, and logs. Default: the description in the contract. */
  readonly message?: string;
  /** Travels beside the error. Default none. */
  readonly metadata?: HeadersInit;
  /** Stays in this process. Default none. */
  readonly cause?: unknown;
}

/**
 * `const placeOrderErrors = errorsOf(OrderService.method.placeOrder, [OutOfStockSchema, PaymentDeclinedSchema])`: all errors
 * with a detail that the contract declares for the method (`heddle/options/v1/errors.proto`), in any order. Throws HDL-1011 when
 * one is missing, when there is one that the contract does not declare, and when the contract itself makes no sense.
 */
export function errorsOf<const Schemas extends readonly DescMessage[]>(
  method: DescMethod,
  details: Schemas,
): MethodErrors<Schemas[number]> {
  const declared = declaredErrorsOf(method);
  const given = new Set(details.map(({ typeName }) => typeName));
  for (const { detail } of declared) {
    if (detail !== undefined && !given.has(detail.typeName))
      throw errorsInvalid(
        method,
        `the contract declares ${detail.typeName} too, and errorsOf is not given it`,
      );
  }
  const of = new Map(declared.map((each) => [each.detail?.typeName, each]));
  for (const typeName of given) {
    if (!of.has(typeName)) throw errorsInvalid(method, `the contract does not declare ${typeName}`);
  }
  return {
    create(detail, value, { message, metadata, cause } = {}) {
      const found = of.get(detail.typeName);
      // Only JavaScript, or a cast, gets here.
      if (found === undefined)
        throw errorsInvalid(method, `the contract does not declare ${detail.typeName}`);
      const details = [{ desc: detail, value: value as MessageInitShape<DescMessage> }];
      return new ConnectError(message ?? found.description, found.code, metadata, details, cause);
    },
    detailOf: (error) => errorDetail(error, ...details),
  };
}

/**
 * The detail of an error that is one of these messages: `errorDetail(error, RetryInfoSchema)`. Undefined when there is none,
 * when it cannot be read, and for a value that is no error of a call.
 */
export function errorDetail<const Schemas extends readonly DescMessage[]>(
  error: unknown,
  ...schemas: Schemas
): MessageShape<Schemas[number]> | undefined {
  if (!(error instanceof ConnectError)) return undefined;
  for (const schema of schemas) {
    const [found] = error.findDetails(schema);
    if (found !== undefined) return found as MessageShape<Schemas[number]>;
  }
  return undefined;
}
