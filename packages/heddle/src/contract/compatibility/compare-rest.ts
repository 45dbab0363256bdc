/**
 * What callers over plain HTTP meet: which method and path is answered, from where a request's fields come, what the body of the
 * answer is, and its status. Names of variables in paths are nobody's business; what they fill is.
 */
import { type DescMethod, getOption, hasOption } from "@bufbuild/protobuf";
import { EmptySchema } from "@bufbuild/protobuf/wkt";
import { rest as restOption } from "../../gen/heddle/options/v1/http_pb.ts";
import type { Binding } from "../rest/binding.ts";
import type { PathTemplate } from "../rest/path-template.ts";
import type { Contract } from "./contract.ts";
import type { RuleName } from "./contract-break.ts";
import type { Report } from "./report.ts";
import { restBindingsOf } from "./rest-reach.ts";

export function compareRest(before: Contract, after: Contract, report: Report): void {
  const now = [...after.services.values()].flatMap(({ methods }) =>
    methods.flatMap((method) => restBindingsOf(method, after)),
  );
  for (const { methods } of before.services.values())
    for (const method of methods)
      for (const binding of restBindingsOf(method, before)) compareBinding(binding, now, report);
}

function compareBinding(before: Binding, now: readonly Binding[], report: Report): void {
  const { method } = before;
  const methodName = nameOf(method);
  const title = titleOf(before);
  const add = (rule: RuleName, what: string) =>
    report.add({
      name: methodName,
      what: `${title}: ${what}`,
      rules: [rule],
      touched: { kind: "method", method: methodName },
      noticed: "rest",
      within: method.parent.typeName,
    });
  const candidates = now.filter((binding) => answers(binding, before));
  const after = candidates.find((binding) => nameOf(binding.method) === methodName) ?? candidates[0];
  if (after === undefined) return add("REST_BINDING_NO_DELETE", "nothing answers there any more");
  if (nameOf(after.method) !== methodName)
    return add("REST_BINDING_SAME_METHOD", `it is ${nameOf(after.method)} now, and was ${methodName}`);
  before.variables.forEach((variable, i) => {
    const counterpart = after.variables.find(({ start }) => start === variable.start) ?? after.variables[i];
    if (counterpart === undefined || fills(counterpart) !== fills(variable))
      add(
        "REST_SAME_PATH_VARIABLE",
        `{${variable.name}} fills ${counterpart === undefined ? "nothing" : fills(counterpart)} now, and filled ${fills(variable)}`,
      );
  });
  if (bodyText(before) !== bodyText(after))
    add("REST_SAME_BODY", `the body is ${bodyText(after)} now, and was ${bodyText(before)}`);
  if (before.responseBody?.name !== after.responseBody?.name)
    add(
      "REST_SAME_RESPONSE_BODY",
      `the answer's body is ${answerText(after)} now, and was ${answerText(before)}`,
    );
  const [was, is] = [statusOf(before), statusOf(after)];
  if (was !== is) add("REST_SAME_STATUS", `success is ${is} now, and was ${was}`);
}

/** Whether all requests for `before` come to `after`. */
function answers(after: Binding, before: Binding): boolean {
  return (
    (after.httpMethod === before.httpMethod || after.httpMethod === "*") &&
    covers(after.template, before.template)
  );
}

function covers(after: PathTemplate, before: PathTemplate): boolean {
  if (after.verb !== before.verb) return false;
  for (const [i, segment] of after.segments.entries()) {
    if (segment.kind === "rest") return true;
    const was = before.segments[i];
    if (was === undefined || was.kind === "rest") return false;
    if (segment.kind === "literal" && !(was.kind === "literal" && was.text === segment.text)) return false;
  }
  return after.segments.length === before.segments.length;
}

function fills({ path }: Binding["variables"][number]): string {
  return path.map(({ name }) => name).join(".");
}

function bodyText({ body }: Binding): string {
  if (body.kind === "none") return "nothing";
  return body.kind === "all" ? "the request" : `field ${body.field.name}`;
}

function answerText({ responseBody }: Binding): string {
  return responseBody === undefined ? "the answer" : `its field ${responseBody.name}`;
}

/** Of a call that went well, as far as the contract says it. */
function statusOf({ method, httpMethod }: Binding): string {
  if (method.output.typeName === EmptySchema.typeName) return "204";
  const makes = hasOption(method, restOption) && getOption(method, restOption).location !== "";
  return makes && (httpMethod === "POST" || httpMethod === "*") ? "201" : "200";
}

function titleOf({ httpMethod, template }: Binding): string {
  return `${httpMethod} ${template.text}`;
}

function nameOf({ parent, name }: DescMethod): string {
  return `${parent.typeName}/${name}`;
}
