import { readdir, readFile } from "node:fs/promises";
import { newestOrOlder } from "@lock/redis-harness/vitest";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type LockRouteOptions, lockRoute } from "../src/index.ts";
import { listen } from "./support/app.ts";
import { ask } from "./support/client.ts";
import { expresses } from "./support/expresses.ts";
import { useLocks } from "./support/locks.ts";

const scene = useLocks();
let told: (string | undefined)[] = [];
const listener = (warning: Error & { code?: string }) => {
  if (warning.name === "LockRouteWarning") told.push(warning.code);
};

beforeEach(() => {
  told = [];
  process.on("warning", listener);
});
afterEach(() => void process.off("warning", listener));

describe.each(newestOrOlder(expresses))("$name", ({ express }) => {
  const done: Parameters<typeof lockRoute>[1] = async (_req, res) => void res.send("done");

  /** The codes that two requests make it tell. */
  async function codesOf(options: Partial<LockRouteOptions>, timeout = 0) {
    const app = express();
    const route = lockRoute({ locks: scene.locks, key: scene.key(), ...options });
    app.use(route, route);
    app.post("/", done);
    const { url, server } = await listen(app);
    server.timeout = timeout;
    for (const tenant of ["a", "b"]) await ask(url, { headers: { "x-tenant": tenant } });
    return told;
  }

  const tenantOf = (req: { headers: Record<string, unknown> }) => String(req.headers["x-tenant"]);

  it("tells once that a route locks the same key twice", async () => {
    expect(await codesOf({})).toEqual(["LOCK_ROUTE_MOUNTED_TWICE"]);
  });

  it("tells that two tenants share a key, where it can tell them apart", async () => {
    const codes = await codesOf({ validate: { mountedTwice: false, tenantOf } });
    expect(codes).toEqual(["LOCK_ROUTE_KEY_IGNORES_TENANT"]);
    const key = (req: { headers: Record<string, unknown> }) => `${scene.key()}-${tenantOf(req)}`;
    told = [];
    expect(await codesOf({ key, validate: { mountedTwice: false, tenantOf } })).toEqual([]);
  });

  it("tells that a wait is longer than the server waits for a silent connection", async () => {
    const validate = { mountedTwice: false };
    expect(await codesOf({ wait: 5_000, validate }, 5_000)).toEqual(["LOCK_ROUTE_WAIT_OUTLASTS_SERVER"]);
    told = [];
    expect(await codesOf({ wait: "forever", validate }, 5_000)).toEqual(["LOCK_ROUTE_WAIT_OUTLASTS_SERVER"]);
    told = [];
    expect(await codesOf({ wait: 4_999, validate }, 5_000)).toEqual([]);
    expect(await codesOf({ wait: "forever", validate })).toEqual([]);
  });

  it("tells nothing where that is not wanted", async () => {
    expect(await codesOf({ wait: "forever", validate: false }, 5_000)).toEqual([]);
    const validate = { mountedTwice: false, waitOutlastsServer: false, keyIgnoresTenant: false, tenantOf };
    expect(await codesOf({ wait: "forever", validate }, 5_000)).toEqual([]);
  });
});

it("has a page for each code, which says how to turn the check off", async () => {
  const help = new URL("../help/", import.meta.url);
  const source = await readFile(new URL("../src/checks.ts", import.meta.url), "utf8");
  const names = [...source.matchAll(/^ {2}(\w+): "/gm)].map(([, name = ""]) => name);
  expect(names).toHaveLength(4);
  const codes = names.map((name) => `LOCK_ROUTE_${name.replace(/[A-Z]/g, "_$&").toUpperCase()}`);
  const others = ["IDEMPOTENCY_NOT_KEPT", "IDEMPOTENCY_PAYLOAD_NOT_SEEN"];
  const pages = [...codes, ...others].map((code) => `${code}.md`);
  expect((await readdir(help)).toSorted()).toEqual(pages.toSorted());
  for (const [index, code] of codes.entries()) {
    const page = await readFile(new URL(`${code}.md`, help), "utf8");
    expect(page).toContain(`# ${code}`);
    expect(page).toContain(`validate: { ${names[index]}: false }`);
  }
});
