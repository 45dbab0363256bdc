/** Service configs at random, made from the table of fields: whatever that allows. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc, { type Arbitrary } from "fast-check";
import type { Fields, Kind } from "./field.ts";
import { checkMethodNames } from "./method-names.ts";
import type { ServiceConfig } from "./service-config.ts";
import { serviceFields } from "./service-config-fields.ts";
import { statusCodeNames } from "./status-code.ts";

/** Valid ones, in the form that reading gives. */
export function arbitraryServiceConfig(fields: Fields = serviceFields): Arbitrary<ServiceConfig> {
  return (arbitraryFields(fields) as Arbitrary<ServiceConfig>).filter(({ methods = [] }) => {
    const faults: never[] = [];
    checkMethodNames(
      methods.map(({ names = [] }, index) => ({ names, path: [index], field: "names" })),
      faults,
    );
    return faults.length === 0;
  });
}

function arbitraryFields(fields: Fields): Arbitrary<Record<string, unknown>> {
  const entries = Object.entries(fields).map(([name, { is }]) => [name, arbitraryOf(is, name)] as const);
  const required = Object.keys(fields).filter((name) => fields[name]?.required);
  return fc.record(Object.fromEntries(entries), { requiredKeys: required, noNullPrototype: true });
}

function arbitraryOf(is: Kind, name: string): Arbitrary<unknown> {
  switch (is.kind) {
    case "number": {
      const { min, max, above, whole, prime } = is;
      if (prime) return fc.constantFrom(3, 251, 65_537);
      if (whole) return fc.integer({ min, max: Math.min(max, 0x7fffffff) });
      return fc.oneof(
        fc.integer({ min: Math.ceil(above ? min + 1e-9 : min), max: Math.min(max, 100_000) }),
        fc.double({ min, max, minExcluded: above ?? false, noNaN: true }).map((value) => value + 0),
      );
    }
    case "boolean":
      return fc.boolean();
    case "text":
      return name === "method"
        ? fc.constantFrom("Get", "List")
        : fc.constantFrom("a.B", "a.C", "shop.v1.Orders");
    case "word":
      return fc.constantFrom(...is.words);
    case "code":
      return fc.constantFrom(...statusCodeNames);
    case "list":
      return fc.array(arbitraryOf(is.of, name), { minLength: is.atLeast ?? 0, maxLength: 3 });
    case "object":
      return arbitraryFields(is.fields).filter((value) => {
        const { least, most, otherwise } = is.bounds ?? { least: "", most: "", otherwise: [0, 0] };
        return Number(value[least] ?? otherwise[0]) <= Number(value[most] ?? otherwise[1]);
      });
    case "optional":
      return fc.oneof(fc.constant(false), arbitraryOf(is.of, name));
    case "number or word":
      return fc.oneof(arbitraryOf(is.number, name), fc.constantFrom(...is.words));
    case "choice":
      return fc.oneof(
        fc.constantFrom(...Object.keys(is.of)),
        ...Object.entries(is.of).map(([choice, fields]) =>
          arbitraryFields(fields).map((settings) => ({ [choice]: settings })),
        ),
      );
  }
}

test("configs at random have every field now and then", () => {
  const seen = new Set<string>();
  for (const config of fc.sample(arbitraryServiceConfig(), 300)) for (const name in config) seen.add(name);
  assert.deepEqual([...seen].toSorted(), Object.keys(serviceFields).toSorted());
});
