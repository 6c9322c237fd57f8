import type { Locks } from "@lock/core";
import { Agent } from "@mastra/core/agent";
import { Harness } from "@mastra/core/harness";
import { InMemoryStore } from "@mastra/core/storage";
import { expect, it } from "vitest";
import { mastraThreadLock } from "../../src/index.ts";
import { useScene } from "../support/scene.ts";

const scene = useScene();
const agent = new Agent({ id: "agent", name: "agent", instructions: "none", model: "openai/none" });

/** A harness as each process has one, on the storage that all share. */
async function open(storage: InMemoryStore, locks: Locks): Promise<Harness> {
  const modes = [{ id: "mode", name: "mode", default: true, agent }];
  const harness = new Harness({
    id: "harness",
    resourceId: "user",
    storage,
    modes,
    threadLock: mastraThreadLock({ locks }),
  });
  await harness.init();
  return harness;
}

it("keeps a thread to one harness, until that selects another one", async () => {
  const storage = new InMemoryStore();
  const one = await open(storage, scene.locks);
  const two = await open(storage, scene.others);
  const isHeld = async (thread: string) => (await scene.locks.inspect(`memory:${thread}`)) !== null;
  const thread = await one.selectOrCreateThread();
  expect(await isHeld(thread.id)).toBe(true);
  await expect(two.switchThread({ threadId: thread.id })).rejects.toMatchObject({ code: "LOCK_TIMEOUT" });
  const next = await one.createThread({ title: "next" });
  expect([await isHeld(thread.id), await isHeld(next.id)]).toEqual([false, true]);
  await two.switchThread({ threadId: thread.id });
  await expect(one.switchThread({ threadId: thread.id })).rejects.toMatchObject({ code: "LOCK_TIMEOUT" });
});
