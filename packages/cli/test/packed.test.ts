import { execFile } from "node:child_process";
import { chmod, mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type Consumer, Consumers } from "@lock/packed-suite";
import { useRedis } from "@lock/redis-harness/vitest";
import { afterAll, beforeAll, expect, it } from "vitest";
import { environment } from "./support/lock.ts";

const run = promisify(execFile);
const root = fileURLToPath(new URL("..", import.meta.url));
const redis = useRedis();
let consumers: Consumers;
let consumer: Consumer;
let place: string;
let bin: string;

/** What is published, with what it depends on, and its command on the PATH as npm would put it there. */
beforeAll(async () => {
  consumers = await Consumers.open();
  consumer = await consumers.add("script");
  await consumer.install(fileURLToPath(new URL("../../core", import.meta.url)));
  place = await consumer.install(root);
  const { dependencies, bin: commands } = await manifest();
  for (const name of Object.keys(dependencies)) {
    if (!name.startsWith("@lock/")) await consumer.link(root, name);
  }
  bin = join(consumer.folder, "bin");
  await mkdir(bin);
  for (const [name, file] of Object.entries(commands)) {
    await chmod(join(place, file), 0o755);
    await symlink(join(place, file), join(bin, name));
  }
});
afterAll(() => consumers[Symbol.asyncDispose]());

async function manifest(): Promise<Record<"dependencies" | "bin", Record<string, string>>> {
  return JSON.parse(await readFile(join(place, "package.json"), "utf8"));
}

it("carries its licence and README, the program and its watcher, no source and no test", async () => {
  const names = await readdir(place);
  expect(names.toSorted()).toEqual(["LICENSE", "README.md", "dist", "package.json"]);
  expect((await readdir(join(place, "dist"))).toSorted()).toEqual(["main.js", "run"]);
  expect((await manifest()).bin).toEqual({ lock: "./dist/main.js" });
});

it("the first snippet of its README runs as it stands", async () => {
  const readme = await readFile(join(place, "README.md"), "utf8");
  const [, snippet = ""] = /```sh\n(.*?)```/s.exec(readme) ?? [];
  expect(snippet.split("\n").length).toBeGreaterThan(4);
  await writeFile(join(consumer.folder, "report.sh"), "#!/bin/sh\necho reported\n", { mode: 0o755 });
  // It asks, and there is no terminal: the last line is refused, as it should be.
  const script = snippet.replace("redis://127.0.0.1:6379", redis.url);
  const options = { cwd: consumer.folder, env: environment({ PATH: `${bin}:${process.env.PATH}` }) };
  const { stdout, stderr } = await run("sh", ["-c", `${script}\necho code $?`], options);
  expect(stdout).toBe("reported\nreported\ncode 64\n");
  expect(stderr).toBe("lock: there is no terminal to ask at: give --yes to release without a question\n");
});

it("every option and command that the README names is there, and the other way round", async () => {
  const readme = await readFile(join(place, "README.md"), "utf8");
  const named = new Set([...readme.matchAll(/(?<![\w-])--[a-z][a-z-]+/g)].map(([flag]) => flag));
  const env = environment({ PATH: `${bin}:${process.env.PATH}`, COLUMNS: "200" });
  const { stdout } = await run("lock", ["completion", "fish"], { env });
  const known = new Set([...stdout.matchAll(/ -l ([a-z-]+)/g)].map(([, flag]) => `--${flag}`));
  expect([...known].filter((flag) => !named.has(flag))).toEqual([]);
  const others = ["--help", "--filter"];
  expect([...named].filter((flag) => !known.has(flag) && !others.includes(flag))).toEqual([]);
});

it("completes commands and options in bash, and the scripts for the others are whole", async () => {
  const env = environment({ PATH: `${bin}:${process.env.PATH}` });
  const lines = [
    ["lock", "re"],
    ["lock", "run", "key", "--w"],
    ["lock", "ls", "--pre"],
    ["lock", "run", "key", "--", "--w"],
  ].map((words) => {
    const array = words.map((word) => `'${word}'`).join(" ");
    return `COMP_WORDS=(${array}); COMP_CWORD=${words.length - 1}; _lock; echo "\${COMPREPLY[@]}"`;
  });
  const { stdout } = await run("bash", ["-c", ['eval "$(lock completion bash)"', ...lines].join("\n")], {
    env,
  });
  expect(stdout).toBe("release\n--wait\n--prefix\n\n");
  for (const shell of ["zsh", "fish"]) {
    const { stdout } = await run("lock", ["completion", shell], { env });
    for (const command of ["run", "inspect", "health"]) expect(stdout).toContain(command);
  }
});
