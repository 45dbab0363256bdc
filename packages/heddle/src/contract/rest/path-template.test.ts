import assert from "node:assert/strict";
import { test } from "node:test";
import { parsePathTemplate } from "./path-template.ts";

/** A template as one line: its segments, what each variable captures, its verb. */
function told(text: string): string {
  const { segments, variables, verb } = parsePathTemplate(text);
  const parts = segments.map((each) =>
    each.kind === "literal" ? each.text : { one: "*", rest: "**" }[each.kind],
  );
  const captures = variables.map(
    ({ name, start, end, single }) => `${name}=${start}..${end}${single ? "" : "+"}`,
  );
  return [parts.join("|"), ...captures, ...(verb === undefined ? [] : [`:${verb}`])].join(" ");
}

const whole: readonly (readonly [says: string, template: string, expected: string])[] = [
  ["a literal is one segment", "/v1", "v1"],
  ["segments are divided by slashes", "/v1/messages", "v1|messages"],
  ["* is any one segment", "/v1/*/messages", "v1|*|messages"],
  ["** is all that are left", "/v1/**", "v1|**"],
  ["a variable without a template is one segment", "/v1/{id}", "v1|* id=1..2"],
  ["which is the same as *", "/v1/{id=*}", "v1|* id=1..2"],
  ["a variable may be nested fields", "/v1/{order.customer.id}", "v1|* order.customer.id=1..2"],
  ["a variable may have a template", "/v1/{name=shelves/*/books/*}", "v1|shelves|*|books|* name=1..5+"],
  ["and capture all that is left", "/v1/{name=**}", "v1|** name=1..2+"],
  ["behind literals of its own", "/v1/{name=files/**}", "v1|files|** name=1..3+"],
  ["a literal alone in a variable is one segment", "/v1/{kind=books}", "v1|books kind=1..2"],
  ["there may be several variables", "/v1/{a}/x/{b.c}", "v1|*|x|* a=1..2 b.c=3..4"],
  ["a verb stands behind a colon", "/v1/orders:search", "v1|orders :search"],
  ["behind a variable as well", "/v1/{name=orders/*}:cancel", "v1|orders|* name=1..3+ :cancel"],
  ["and behind **", "/v1/{name=**}:read", "v1|** name=1..2+ :read"],
  ["a first segment may be a variable", "/{name=orders/*}", "orders|* name=0..2+"],
  ["literals are compared decoded", "/v1/caf%C3%A9/a%2Fb", "v1|café|a/b"],
  [
    "what a path may hold, a literal may",
    "/v1/a-b_c.d~e!f$g&h'(i)+j,k;l=m@n",
    "v1|a-b_c.d~e!f$g&h'(i)+j,k;l=m@n",
  ],
];

for (const [says, template, expected] of whole)
  test(`${template}: ${says}`, () => assert.equal(told(template), expected));

const broken: readonly (readonly [template: string, reason: RegExp])[] = [
  ["", /begins with a slash/],
  ["v1", /begins with a slash/],
  ["/", /segment is missing/],
  ["/v1/", /segment is missing/],
  ["/v1//x", /segment is missing/],
  ["/v1?x=1", /should stand here/],
  ["/v1/{id", /id is not closed/],
  ["/v1/{id=*", /id is not closed/],
  ["/v1/{}", /a variable is a field/],
  ["/v1/{=*}", /a variable is a field/],
  ["/v1/{a..b}", /a is not closed/],
  ["/v1/{1a}", /a variable is a field/],
  ["/v1/{id=}", /segment is missing/],
  ["/v1/{a={b}}", /variable a holds another one/],
  ["/v1/{a=x/{b}}", /variable a holds another one/],
  ["/v1/{id}/{id}", /id is there twice/],
  ["/v1/{id}x", /should stand here/],
  ["/v1/x{id}", /should stand here/],
  ["/v1/**/x", /\*\* takes all/],
  ["/v1/{a=**}/x", /\*\* takes all/],
  ["/v1/***", /should stand here/],
  ["/v1/x:", /a verb is missing/],
  ["/v1/x:y:z", /should stand here/],
  ["/v1/x:y/z", /should stand here/],
  ["/v1/x:{verb}", /a verb is missing/],
  ["/v1/a b", /should stand here/],
  ["/v1/ä", /segment is missing, or has a sign/],
  ["/v1/%zz", /percent signs/],
  ["/v1/%ff", /percent signs/],
  ["/v1/../x", /never arrives/],
  ["/v1/%2e", /never arrives/],
];

for (const [template, reason] of broken)
  test(`no template: ${JSON.stringify(template)}`, () =>
    assert.throws(
      () => parsePathTemplate(template),
      (error) => error instanceof SyntaxError && reason.test(error.message),
    ));

test("an error says where", () => {
  assert.throws(
    () => parsePathTemplate("/v1/{id"),
    /^SyntaxError: \/v1\/\{id: variable id is not closed \(at 8\)$/,
  );
});
