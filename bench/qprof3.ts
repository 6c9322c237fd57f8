import { startRedis } from "@lock/redis-harness";
import { Redis } from "ioredis5";
import { readFileSync } from "node:fs";
await using server = await startRedis();
const r = new (Redis as any)(server.url);
const S = "packages/core/src/backends/redis/scripts/";
const read = (n: string) => readFileSync(S+n+".lua","utf8").split("\n").map(l=>l.replace(/^\s*--.*$/,"").trim()).filter(l=>l!=="").join("\n");
const stat = async (name: string) => { const info = await r.info("commandstats"); console.log(name.padEnd(30), info.split("\n").filter((l:string)=>/evalsha/.test(l)).join("\n").match(/usec_per_call=([\d.]+)/)?.[1]); await r.config("RESETSTAT"); };
let run_no=0; const keys = (i: number) => ["k","f","q","p","h"].map(x=>x+i+":"+run_no);
const run = async (name: string, src: string, args: string[] = []) => {
  run_no++; const sha = await r.script("LOAD", src); await r.config("RESETSTAT");
  for (let i=0;i<4000;i++) await r.evalsha(sha, 5, ...keys(i), ...args);
  await stat(name);
};
const args = ["0","3600000","lock:wake:abcdefghijklm 3000000 10000 1","tokentokentokentokenab","10000","x","",'{"h":"host:123"}'];

const B = ["batch","grant"].map(read).join("\n");
for (let rep=0;rep<3;rep++) {
await run("return 1", "return 1", args);
await run("time", B+"\nlocal n = server_time() return 1", args);
await run("time+exists", B+"\nlocal n = server_time() redis.call('EXISTS', KEYS[1], KEYS[3], KEYS[4]) return 1", args);
await run("time+exists+mint", B+"\nlocal n = server_time() redis.call('EXISTS', KEYS[1], KEYS[3], KEYS[4]) mint(KEYS[2], ARGV[2], n) return 1", args);
await run("time+exists+grant", B+"\nlocal n = server_time() redis.call('EXISTS', KEYS[1], KEYS[3], KEYS[4]) grant(KEYS[1], KEYS[2], ARGV[4], ARGV[5], ARGV[8], ARGV[2], n) return 1", args);
await run("acquire whole", ["batch","grant","line","enter","acquire"].map(read).join("\n"), args.map((a,i)=>i===0?"9999999999999999":a));
await run("redlock-like", "for _, key in ipairs({KEYS[1]}) do if redis.call('exists', key)==1 then return 0 end end for _, key in ipairs({KEYS[1]}) do redis.call('set', key, ARGV[4], 'PX', ARGV[5]) end return 1", args);
}
r.disconnect();
