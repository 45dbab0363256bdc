import assert from "node:assert/strict";
import { test } from "node:test";
import { describeStack, type Layer, linkLayers } from "./layer.ts";

type Trail = string[];

/** A layer that writes down what passes. */
function tracing(name: string, ways: "both" | "down" | "up" | "neither" = "both"): Layer<Trail, undefined> {
  return {
    name,
    does: `does ${name}`,
    order: "anywhere",
    create: (_parts, link) => ({
      ...(ways === "both" || ways === "down"
        ? {
            down: (trail: Trail) => {
              trail.push(`${name}↓`);
              link.down(trail);
            },
          }
        : {}),
      ...(ways === "both" || ways === "up"
        ? {
            up: (trail: Trail) => {
              trail.push(`${name}↑`);
              link.up(trail);
            },
          }
        : {}),
    }),
  };
}

const turn: Layer<Trail, undefined> = {
  name: "turn",
  does: "answers",
  order: "innermost",
  create: (_parts, link) => ({ down: (trail) => link.up(trail) }),
};

function walk(layers: readonly Layer<Trail, undefined>[]): Trail {
  const trail: Trail = [];
  linkLayers(layers, undefined, (out) => out.push("out"))(trail);
  return trail;
}

test("a call passes the layers in order, and its outcome passes them backwards", () => {
  assert.deepEqual(walk([tracing("a"), tracing("b"), turn]), ["a↓", "b↓", "b↑", "a↑", "out"]);
});

test("layers that look one way only, or not at all, are skipped on the other", () => {
  const layers = [tracing("a", "up"), tracing("b", "down"), tracing("c", "neither"), tracing("d"), turn];
  assert.deepEqual(walk(layers), ["b↓", "d↓", "d↑", "a↑", "out"]);
});

test("a line without create is for the reader only", () => {
  assert.deepEqual(walk([{ name: "stub", does: "x", order: "y" }, tracing("a"), turn]), ["a↓", "a↑", "out"]);
});

test("a layer that answers by itself is not passed on the way up, nor anything inside of it", () => {
  const refuse: Layer<Trail, undefined> = {
    name: "refuse",
    does: "refuses",
    order: "-",
    create: (_parts, link) => ({ down: (trail) => link.up(trail), up: (trail) => trail.push("never") }),
  };
  assert.deepEqual(walk([tracing("a"), refuse, tracing("b"), turn]), ["a↓", "a↑", "out"]);
});

test("going down again from up is another attempt", () => {
  let left = 2;
  const retry: Layer<Trail, undefined> = {
    name: "retry",
    does: "tries again",
    order: "-",
    create: (_parts, link) => ({ up: (trail) => (left-- > 0 ? link.down(trail) : link.up(trail)) }),
  };
  assert.deepEqual(walk([tracing("a"), retry, tracing("b"), turn]), [
    "a↓",
    "b↓",
    "b↑",
    "b↓",
    "b↑",
    "b↓",
    "b↑",
    "a↑",
    "out",
  ]);
});

test("one linked stack serves many calls, and gives each layer its parts once", () => {
  let created = 0;
  const counting: Layer<Trail, { readonly word: string }> = {
    name: "counting",
    does: "-",
    order: "-",
    create: ({ word }, link) => {
      created++;
      return {
        down: (trail) => {
          trail.push(word);
          link.up(trail);
        },
      };
    },
  };
  const start = linkLayers([counting], { word: "hello" }, (trail) => trail.push("out"));
  const first: Trail = [];
  const second: Trail = [];
  start(first);
  start(second);
  assert.deepEqual([first, second, created], [["hello", "out"], ["hello", "out"], 1]);
});

test("a stack whose innermost layer hands on further says so", () => {
  assert.throws(() => walk([tracing("a")]), /innermost layer/);
});

test("the printed stack has one line a layer, in order", () => {
  assert.equal(
    describeStack([tracing("a"), { name: "longer", does: "x", order: "y" }] as unknown as Layer<
      never,
      never
    >[]),
    "a       does a · anywhere\nlonger  x · y\n",
  );
});
