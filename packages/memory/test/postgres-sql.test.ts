import { expect, it } from "vitest";
import { openPage } from "./support/page.ts";
import { useScene } from "./support/scene.ts";
import { SqlScene } from "./support/sql-scene.ts";

const page = await openPage();
const scene = useScene();
const sql = new SqlScene(page, scene);

it("a write that waited compares with what the other one left", async () => {
  const sessionId = scene.session();
  await sql.inTransaction("READ COMMITTED", async (client) => {
    await sql.append(client, sessionId, 7, "newer");
    const older = sql.append(sql.other, sessionId, 6, "older");
    await sql.untilBlocked();
    await client.query("COMMIT");
    expect(await older).toBe(false);
  });
  expect(await sql.contents(sessionId)).toEqual(["newer"]);
});

it("a write that waited for one that was undone is stored", async () => {
  const sessionId = scene.session();
  await sql.inTransaction("READ COMMITTED", async (client) => {
    await sql.append(client, sessionId, 7, "undone");
    const older = sql.append(sql.other, sessionId, 6, "older");
    await sql.untilBlocked();
    await client.query("ROLLBACK");
    expect(await older).toBe(true);
  });
  expect(await sql.contents(sessionId)).toEqual(["older"]);
});

it.each(["REPEATABLE READ", "SERIALIZABLE"])("nothing stale is stored at %s either", async (isolation) => {
  const sessionId = scene.session();
  await sql.inTransaction(isolation, async (client) => {
    // Its view of the tables is from here on.
    await client.query("SELECT FROM chat_session");
    await sql.append(sql.other, sessionId, 7, "newer");
    await expect(sql.append(client, sessionId, 6, "older")).rejects.toMatchObject({ code: "40001" });
  });
  expect(await sql.contents(sessionId)).toEqual(["newer"]);
});

it("200 writes at once are stored only in the order of their tokens", async () => {
  const sessionId = scene.session();
  const write = async (at: number) => {
    const fence = 1 + at + Math.floor(Math.random() * 40);
    const pair = [`${fence}:${at}:first`, `${fence}:${at}:second`];
    const isStored = await sql.append(at % 2 ? sql.pool : sql.other, sessionId, fence, ...pair);
    return { fence, pair, isStored, seen: await sql.fence(sessionId) };
  };
  const writes = await Promise.all(Array.from({ length: 200 }, (_, at) => write(at)));
  const stored = writes.filter(({ isStored }) => isStored);
  const refused = writes.filter(({ isStored }) => !isStored);
  expect(stored.length).toBeGreaterThan(0);
  expect(refused.length).toBeGreaterThan(0);
  for (const { fence, seen } of refused) expect(seen).toBeGreaterThan(fence);
  for (const { fence, seen } of stored) expect(seen).toBeGreaterThanOrEqual(fence);
  const largest = Math.max(...writes.map(({ fence }) => fence));
  expect(refused.map(({ fence }) => fence)).not.toContain(largest);

  const contents = await sql.contents(sessionId);
  const fences = contents.map((content) => Number.parseInt(content, 10));
  expect(fences).toEqual([...fences].sort((a, b) => a - b));
  // All of what was stored and nothing else, and each pair side by side.
  const pairs = contents.flatMap((content, at) => (at % 2 ? [] : [[content, contents[at + 1]].join()]));
  expect(pairs.sort()).toEqual(stored.map(({ pair }) => pair.join()).sort());
});

it("a row that is overwritten is guarded by its own column", async () => {
  await sql.pool.query("CREATE TABLE document (id text PRIMARY KEY, body text)");
  await sql.pool.query("INSERT INTO document VALUES ('a', 'none')");
  await sql.pool.query(page.sql.addFence);
  const update = async (fence: number, body: string) =>
    (await sql.pool.query(page.sql.update, ["a", fence, body])).rowCount;
  expect(await update(7, "first")).toBe(1);
  expect(await update(7, "again")).toBe(1);
  expect(await update(6, "stale")).toBe(0);
  const { rows } = await sql.pool.query("SELECT body, fence FROM document");
  expect(rows).toEqual([{ body: "again", fence: "7" }]);
});
