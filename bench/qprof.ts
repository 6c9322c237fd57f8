import { startRedisNodes } from "@lock/redis-harness";
import { contestants } from "/work/main/bench/src/quorum/contestants.ts";
const which = Number(process.argv[2] ?? 0);
await using cluster = await startRedisNodes(5);
const urls = cluster.nodes.map(({ url }) => url);
const s = await contestants[which]!.open(urls);
for (let i=0;i<500;i++) await (await s.acquire("w"+i))();
const c0 = process.cpuUsage(); const t0 = performance.now();
const N=3000;
for (let i=0;i<N;i++) await (await s.acquire("k"+i))();
const c = process.cpuUsage(c0);
console.log(contestants[which]!.name, "wall/op ms", ((performance.now()-t0)/N).toFixed(3), "cpu/op us", ((c.user+c.system)/N).toFixed(0));
const { Redis } = await import("ioredis5");
for (const u of urls.slice(0,1)) { const r = new (Redis as any)(u); const info = await r.info("commandstats"); console.log(info.split("\n").filter((l:string)=>/evalsha/.test(l)).join("\n")); r.disconnect(); }
await s.close();
