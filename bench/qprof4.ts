import { startRedis } from "@lock/redis-harness";
import { Redis } from "ioredis5";
import { readFileSync } from "node:fs";
await using server = await startRedis();
const r = new (Redis as any)(server.url);
const S = "packages/core/src/backends/redis/scripts/";
const read = (n: string) => readFileSync(S+n+".lua","utf8").split("\n").map(l=>l.replace(/^\s*--.*$/,"").trim()).filter(l=>l!=="").join("\n");
let run_no=0;
await r.set("m", "abc 1", "PX", 700000000);
export const run = async (name: string, src: string, nkeys: number, args: string[] = []) => {
  const sha = await r.script("LOAD", src);
  let best = 1e9;
  for (let rep=0;rep<12;rep++) {
    run_no++; await r.config("RESETSTAT");
    const p = r.pipeline();
    for (let i=0;i<600;i++) { const k=["k","f","q","p","h"].map(x=>`lock:{order:${i}:${run_no}}:${x}`); k.push("m"); p.evalsha(sha, nkeys, ...(nkeys===5?k.slice(0,5):k), ...args); }
    const out = await p.exec(); if (rep===0) console.log(JSON.stringify(out[5]).slice(0,120));
    const info = await r.info("commandstats"); best = Math.min(best, Number(info.split("\n").filter((l:string)=>/evalsha/.test(l)).join("\n").match(/usec_per_call=([\d.]+)/)?.[1]));
    await r.flushdb(); await r.set("m", "abc 1", "PX", 700000000);
  }
  console.log(name.padEnd(30), best);
};
const H="lock:wake:abcdefghijklm 3000000 10000 1";
const args = ["9999999999999999","3600000",H,"tokentokentokentokenab","10000","x","",'{"h":"host:123"}'];
await run("return 1", "return 1", 5, args);
await run("acquire", ["batch","grant","line","enter","acquire"].map(read).join("\n"), 5, args);
await run("vote", ["batch","grant","member","line","enter","vote"].map(read).join("\n"), 6, [...args, "8000000000000000"]);
await run("release", ["batch","grant","line","release"].map(read).join("\n"), 5, ["3600000","1","tokentokentokentokenab",""]);
await run("redlock-acq", "for _, key in ipairs({KEYS[1]}) do if redis.call('exists', key)==1 then return 0 end end for _, key in ipairs({KEYS[1]}) do redis.call('set', key, ARGV[4], 'PX', ARGV[5]) end return 1", 5, args);
if (process.argv[2]) await run("candidate", readFileSync(process.argv[2],"utf8"), 6, [...args, "8000000000000000"]);
r.disconnect();
