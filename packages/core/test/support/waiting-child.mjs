// A process that does nothing but wait for a key of its own, and one that has waited for it.
import { createLocks } from "@lock/core";
import { inProcessBackend } from "@lock/core/in-process";

const [, , what] = process.argv;
const locks = createLocks({ backend: inProcessBackend() });
const ttl = what === "waiting" ? 500 : 60_000;
const lease = await locks.acquire("key", { ttl, renew: false });
const waiting = locks.acquire("key", { wait: "forever", ttl: 60_000, renew: false });
if (what === "served") await lease.release();
waiting.then(() => console.log("granted"));
