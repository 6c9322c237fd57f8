import { listen } from "./app.ts";
import { appOf, type combinations } from "./forms.ts";
import type { LocksScene } from "./locks.ts";

/** A route whose requests wait, as long as it takes, for a lease that a rival holds. */
export async function routeBehindRival(scene: LocksScene, combination: (typeof combinations)[number]) {
  const { locks, rivals } = scene;
  const key = scene.key();
  const held = await rivals.acquire(key);
  let calls = 0;
  const app = appOf(combination, { locks, key, wait: "forever" }, (_req, res) => {
    calls += 1;
    res.send("done");
  });
  const { url, port } = await listen(app);
  return {
    key,
    url,
    port,
    /** The rival's lease. */
    held,
    waiters: async () => (await rivals.inspect(key))?.waiters,
    /** How often the handler was called. */
    calls: () => calls,
  };
}
