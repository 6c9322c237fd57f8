import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { discoverDemos } from "../src/discover.ts";

let apps = "";
beforeEach(async () => {
  apps = await mkdtemp(join(tmpdir(), "lock-apps-"));
});
afterEach(() => rm(apps, { recursive: true }));

async function addPackage(name: string, content: object): Promise<void> {
  await mkdir(join(apps, name));
  await writeFile(join(apps, name, "package.json"), JSON.stringify(content));
}

it("finds the packages that say that they are demos, the default one first", async () => {
  await addPackage("b", { demo: { title: "B", command: "src/main.ts", help: "src/options.ts" } });
  await addPackage("a", { demo: { title: "A", command: "src/main.ts", help: "src/options.ts" } });
  await addPackage("z", { demo: { title: "Z", command: "go.ts", help: "help.ts", default: true } });
  await addPackage("kit", { name: "no demo" });
  await mkdir(join(apps, "empty"));
  const demos = await discoverDemos(apps);
  expect(demos.map(({ name }) => name)).toEqual(["z", "a", "b"]);
  const path = (name: string) => join(apps, "z", name);
  expect(demos[0]).toEqual({
    name: "z",
    title: "Z",
    command: path("go.ts"),
    help: path("help.ts"),
    isDefault: true,
  });
});

const WHOLE = { title: "A", command: "a.ts", help: "b.ts" };

it.each([
  {},
  "src/main.ts",
  { ...WHOLE, help: undefined },
  { ...WHOLE, command: 1 },
  { ...WHOLE, default: "yes" },
])("names the file of a demo that is described as %j", async (demo) => {
  await addPackage("broken", { demo });
  await expect(discoverDemos(apps)).rejects.toThrow(join("broken", "package.json"));
});
