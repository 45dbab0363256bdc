/**
 * The errors that a contract declares for a method as responses of OpenAPI, by HTTP status. They say what may stand in
 * `details`, and exclude nothing else: another cause may have the same status.
 */
import type { DescMessage, DescMethod } from "@bufbuild/protobuf";
import { statusName } from "../../call/status.ts";
import { type DeclaredError, declaredErrorsOf } from "../declared-errors.ts";
import { PROBLEM_TYPE } from "../rest/problem.ts";
import type { Schema } from "./rule-keywords.ts";
import { reference, type Schemas } from "./schemas.ts";

/** Throws `errorsInvalid`. */
export function declaredResponses(method: DescMethod, schemas: Schemas): Schema {
  const byStatus = Map.groupBy(declaredErrorsOf(method), ({ httpStatus }) => httpStatus);
  const responses = [...byStatus].map(([status, errors]) => [status, responseOf(errors, schemas)] as const);
  return Object.fromEntries(responses.toSorted(([one], [other]) => one - other));
}

function responseOf(errors: readonly DeclaredError[], schemas: Schemas): Schema {
  const details = errors.flatMap(({ detail }) => (detail === undefined ? [] : [detail]));
  const problem = reference("Problem");
  const schema = details.length === 0 ? problem : { allOf: [problem, withDetails(details, schemas)] };
  const description = errors.length === 1 ? sentenceOf(errors[0] as DeclaredError) : listOf(errors);
  return { description, content: { [PROBLEM_TYPE]: { schema } } };
}

function withDetails(details: readonly DescMessage[], schemas: Schemas): Schema {
  // The last lets through what stands beside them, such as how long to wait.
  const anyOf = [...details.map((detail) => schemas.ofAny(detail)), { type: "object" }];
  return { type: "object", properties: { details: { type: "array", items: { anyOf } } } };
}

function listOf(errors: readonly DeclaredError[]): string {
  return errors.map((each) => `- ${sentenceOf(each)}`).join("\n");
}

function sentenceOf({ code, detail, description }: DeclaredError): string {
  const what = `\`${statusName(code)}\`${detail === undefined ? "" : ` with \`${detail.typeName}\``}`;
  return description === "" ? `${what}.` : `${what}: ${description}`;
}
