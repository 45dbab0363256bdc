import assert from "node:assert/strict";
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, test } from "node:test";
import { openSqliteStore } from "./sqlite-store.ts";

const root = await mkdtemp(join(tmpdir(), "heddle-sqlite-"));
after(() => rm(root, { recursive: true }));

const bytes = (text: string) => new TextEncoder().encode(text);

async function content(folder: string): Promise<readonly string[]> {
  await using store = await openSqliteStore(folder);
  return (await store.load()).map(
    ({ kind, key, value }) => `${kind} ${key} ${new TextDecoder().decode(value)}`,
  );
}

test("what was written is there at the next start, and what was taken back is not", async () => {
  const folder = join(root, "a", "b");
  {
    await using store = await openSqliteStore(folder);
    assert.deepEqual(await store.load(), []);
    await store.write([
      { kind: "static", key: "x", value: bytes("1") },
      { kind: "service", key: "x", value: bytes("2") },
      { kind: "instance", key: "gone", value: bytes("3") },
    ]);
    await store.write([
      { kind: "static", key: "x", value: bytes("4") },
      { kind: "instance", key: "gone", value: undefined },
      { kind: "drain", key: "never there", value: undefined },
    ]);
  }
  assert.deepEqual(await content(folder), ["service x 2", "static x 4"]);
  assert.equal((await stat(folder)).mode & 0o077, 0, "it is the owner's alone");
});

test("a batch is written whole or not at all", async () => {
  const folder = join(root, "batch");
  {
    await using store = await openSqliteStore(folder);
    const bad = { kind: "static", key: "b", value: 7 as unknown as Uint8Array } as const;
    await assert.rejects(store.write([{ kind: "static", key: "a", value: bytes("1") }, bad]), {
      reason: "storeFailed",
    });
    await store.write([{ kind: "static", key: "c", value: bytes("1") }]);
  }
  assert.deepEqual(await content(folder), ["static c 1"]);
});

test("a store in use, a file that is none, and one of a newer version are refused with the reason", async () => {
  const folder = join(root, "used");
  await using _store = await openSqliteStore(folder);
  await assert.rejects(openSqliteStore(folder), /registry\.sqlite cannot be used: database is locked/);
  const other = join(root, "other");
  await using first = await openSqliteStore(other);
  await first[Symbol.asyncDispose]();
  const database = new DatabaseSync(join(other, "registry.sqlite"));
  database.exec("PRAGMA user_version = 7");
  database.close();
  await assert.rejects(openSqliteStore(other), /its format is 7, and this version knows 1/);
  await writeFile(join(other, "registry.sqlite"), "x".repeat(10_000));
  await assert.rejects(openSqliteStore(other), /not a database/);
});
