import { describe, expect, it } from "vitest";
import { openPage } from "./support/page.ts";
import { useScene } from "./support/scene.ts";
import { type Conversation, SqlScene } from "./support/sql-scene.ts";

const page = await openPage();
const { PostgresMemory, StaleWrite } = page.code;
const scene = useScene();
const sql = new SqlScene(page, scene);

const said = (...contents: string[]) => contents.map((content) => ({ role: "user", content }));

/** A turn in which another one takes over; then `late` runs, still in the first. Both are told the older token. */
function takenOver(
  { sessionId, one, two }: Conversation,
  newer: (fence: number) => Promise<void>,
  late: (fence: number) => Promise<void>,
): Promise<void> {
  return one.withTurn(async ({ fencingToken }) => {
    await one.append(said("in time"));
    await scene.others.forceRelease(`memory:${sessionId}`);
    await two.withTurn(() => newer(fencingToken));
    await late(fencingToken);
  });
}

describe("the memory of the page, on PostgreSQL", () => {
  it("does what its example shows", async () => {
    const model = async (history: unknown[], input: string) => `${history.length} before ${input}`;
    const given = { redis: scene.redis, pool: sql.pool, model };
    await page.code.example(given);
    await page.code.example(given);
    expect(await new PostgresMemory(sql.pool, "chat:42").getMessages()).toEqual([
      { role: "user", content: "How are you?" },
      { role: "assistant", content: "0 before How are you?" },
      { role: "user", content: "How are you?" },
      { role: "assistant", content: "2 before How are you?" },
    ]);
  });

  it("sends the statement that the page explains", async () => {
    const asked: string[] = [];
    const query = (text: string, values: unknown[]) => {
      asked.push(text);
      return sql.pool.query(text, values);
    };
    await sql.conversation({ query }).one.append(said("a"));
    const words = (text = "") => text.replace(/;\s*$/, "").trim().split(/\s+/);
    expect(asked.map(words)).toEqual([words(page.sql.append)]);
  });

  it("stores the turns of two processes one after the other", async () => {
    const { sessionId, one, two } = sql.conversation();
    const turn = (memory: typeof one) =>
      memory.withTurn(async () => {
        const { history } = await memory.loadMemoryVariables();
        await memory.saveContext({ input: `${history.length}` }, { output: `${history.length + 1}` });
      });
    await Promise.all(Array.from({ length: 20 }, (_, at) => turn(at % 2 ? one : two)));
    expect(await sql.contents(sessionId)).toEqual(Array.from({ length: 40 }, (_, at) => `${at}`));
  });

  it("refuses what comes from a turn that was taken over, and stores no part of it", async () => {
    const conversation = sql.conversation();
    const { sessionId, raw, two } = conversation;
    const newer = () => two.append(said("newer"));
    await takenOver(conversation, newer, async (fence) => {
      await expect(raw.append(said("late", "later"))).rejects.toThrow(StaleWrite);
      await expect(raw.clear()).rejects.toThrow(StaleWrite);
      expect(await sql.append(sql.pool, sessionId, fence, "late", "later")).toBe(false);
      expect(await sql.fence(sessionId)).toBeGreaterThan(fence);
    });
    expect(await sql.contents(sessionId)).toEqual(["in time", "newer"]);
  });

  it("lets a turn refuse older writes before it reads, and only then", async () => {
    const conversation = sql.conversation();
    const { sessionId, raw, two } = conversation;
    const newer = async (fence: number) => {
      expect(await sql.append(sql.pool, sessionId, fence, "within the gap")).toBe(true);
      await two.append([]);
      expect((await two.getMessages()).length).toBe(2);
    };
    await takenOver(conversation, newer, () => expect(raw.append(said("late"))).rejects.toThrow(StaleWrite));
    expect(await sql.contents(sessionId)).toEqual(["in time", "within the gap"]);
  });

  it("takes several writes of one turn", async () => {
    const { sessionId, one } = sql.conversation();
    await one.withTurn(async () => {
      await one.append(said("a", "b"));
      await one.append(said("c"));
    });
    expect(await sql.contents(sessionId)).toEqual(["a", "b", "c"]);
  });

  it("stores nothing outside of turns", async () => {
    const { sessionId, raw } = sql.conversation();
    await expect(raw.append(said("a"))).rejects.toThrow(`no turn of ${sessionId}`);
    await expect(raw.clear()).rejects.toThrow(`no turn of ${sessionId}`);
    expect(await sql.contents(sessionId)).toEqual([]);
  });
});

describe("its clear", () => {
  it("forgets the messages, and not the fence", async () => {
    const { sessionId, one } = sql.conversation();
    await one.append(said("a"));
    const fence = await sql.fence(sessionId);
    await one.clear();
    expect(await sql.contents(sessionId)).toEqual([]);
    expect(await sql.fence(sessionId)).toBeGreaterThan(fence);
    expect(await sql.append(sql.pool, sessionId, fence, "late")).toBe(false);
    await one.append(said("b"));
    expect(await sql.contents(sessionId)).toEqual(["b"]);
  });

  it("takes away what an older write was about to store", async () => {
    const { sessionId, two } = sql.conversation();
    await sql.inTransaction("READ COMMITTED", async (client) => {
      await sql.append(client, sessionId, 1, "older");
      const clearing = two.clear();
      await sql.untilBlocked();
      await client.query("COMMIT");
      await clearing;
    });
    expect(await sql.contents(sessionId)).toEqual([]);
  });

  it("takes nothing away where a newer turn writes between its two steps", async () => {
    let steps = 0;
    const query = async (text: string, values: unknown[]) => {
      const result = await sql.pool.query(text, values);
      steps += 1;
      if (steps === 1) await sql.append(sql.other, String(values[0]), Number(values[1]) + 1, "newer");
      return result;
    };
    const { sessionId, one } = sql.conversation({ query });
    await sql.append(sql.pool, sessionId, 1, "older");
    await expect(one.clear()).rejects.toThrow(StaleWrite);
    expect(steps).toBe(2);
    expect(await sql.contents(sessionId)).toEqual(["older", "newer"]);
  });
});
