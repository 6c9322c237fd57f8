import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createLocks } from "@lock/core";
import { inProcessBackend } from "@lock/core/in-process";
import { gate } from "@lock/redis-harness/vitest";
import { streamText } from "ai";
import { describe, expect, it } from "vitest";
import { type LateSave, lockMemory } from "../src/index.ts";
import { speaking } from "./support/models.ts";

const locks = createLocks({ backend: inProcessBackend() });
const store = () => ({ read: async () => 1, save: async (_what: string) => "saved" });
const methods = { read: ["read"], write: ["save"] };

/** A turn whose work saves when it is over, as `consumeStream` of an SDK makes it. */
async function saveLate(
  memory: ReturnType<typeof store> & { withTurn: (fn: () => unknown) => Promise<unknown> },
) {
  const saved = gate();
  await memory.withTurn(() => {
    const onFinish = ({ text }: { text: string }) =>
      memory.save(text).then(
        () => saved.open(),
        (error) => {
          saved.open();
          throw error;
        },
      );
    void streamText({ model: speaking("late"), prompt: "q", onFinish }).consumeStream();
  });
  await saved.opened;
}

describe("a save that comes after its turn, and whose error an SDK swallows", () => {
  it("is told to onLateSave, with what was to be saved", async () => {
    const told: LateSave[] = [];
    const onLateSave = (save: LateSave) => void told.push(save);
    const memory = lockMemory(store(), { locks, sessionId: "a", methods, onLateSave });
    await saveLate(memory);
    expect(told).toEqual([{ sessionId: "a", method: "save", args: ["late"] }]);
  });

  it("is told by a process warning once, whose page says what to do", async () => {
    const memory = lockMemory(store(), { locks, sessionId: "b", methods });
    const warned: Error[] = [];
    const hear = (warning: Error) => void warned.push(warning);
    process.on("warning", hear);
    const first = once(process, "warning");
    await saveLate(memory);
    const [warning] = await first;
    await saveLate(memory);
    await new Promise((resolve) => setImmediate(resolve));
    process.off("warning", hear);
    expect(warned).toHaveLength(1);
    const code = "LOCK_MEMORY_LATE_SAVE";
    const detail = `See @lock/memory/help/${code}.md`;
    expect(warning).toMatchObject({ name: "LockMemoryWarning", code, detail });
    expect(JSON.stringify(warning.message)).not.toContain('late"');
    const page = await readFile(new URL(`../help/${code}.md`, import.meta.url), "utf8");
    expect(page).toContain(`# ${code}`);
    expect(page).toContain("waitUntil");
  });

  it("is not told of a read, nor of what was saved in time", async () => {
    const told: LateSave[] = [];
    const onLateSave = (save: LateSave) => void told.push(save);
    const memory = lockMemory(store(), { locks, sessionId: "c", methods, onLateSave });
    const over = gate();
    let late: Promise<unknown> = Promise.resolve();
    await memory.withTurn(async () => {
      await memory.save("in time");
      late = over.opened.then(() => memory.read());
    });
    over.open();
    await expect(late).rejects.toMatchObject({ code: "TURN_ENDED" });
    expect(told).toEqual([]);
  });

  it("onLateSave must be a function", () => {
    const options = { locks, sessionId: "d", methods, onLateSave: 1 as never };
    expect(() => lockMemory(store(), options)).toThrow("onLateSave must be a function, got 1");
  });
});
