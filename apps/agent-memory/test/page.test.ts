import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Site } from "@lock/demo-kit";
import { findBrowser } from "@lock/demo-kit/browser";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { LiveState } from "../src/live.ts";
import { Pages } from "../src/site.ts";

/** Chromium may have to be installed. */
const INSTALL_LIMIT_MS = 300_000;
const EVIL = "<img src=x onerror=\"document.title='pwned'\"><b>7</b>";

let browser: Browser | undefined;
let site: Site | undefined;
let whyNot = "";
const pages = new Pages();

beforeAll(async () => {
  const found = await findBrowser();
  if ("missing" in found) {
    whyNot = `no browser: ${found.missing}`;
    process.stderr.write(`The page of the agents is not tested, ${whyNot}\n`);
    if (process.env.CI) throw new Error(whyNot);
    return;
  }
  // Its sandbox does not work as root.
  const args = process.geteuid?.() === 0 ? ["--no-sandbox"] : [];
  browser = await chromium.launch({ executablePath: found.path, args });
  site = await Site.open();
  site.serve(pages.listener(site.origin));
}, INSTALL_LIMIT_MS);

afterAll(async () => {
  await browser?.close();
  pages[Symbol.dispose]();
  await site?.[Symbol.asyncDispose]();
});

beforeEach((context) => context.skip(browser === undefined, whyNot));

const session = (
  name: string,
  more: Partial<LiveState["sessions"][number]> = {},
): LiveState["sessions"][number] => ({
  session: name,
  holder: undefined,
  waiting: 0,
  turns: 3,
  lost: 0,
  torn: 0,
  blind: 0,
  last: [],
  answers: [],
  ...more,
});

const state = (more: Partial<LiveState> = {}): LiveState => ({
  lock: true,
  agents: [
    { name: "agent-1", pid: 11, isPaused: false },
    { name: "agent-2", pid: 12, isPaused: true },
  ],
  sessions: [
    session("session-1", {
      holder: "agent-1",
      waiting: 2,
      last: [{ role: "user", content: EVIL, agent: "" }],
      answers: [{ agent: "agent-1", text: "let me" }],
    }),
    session("session-2"),
  ],
  log: ["agent-2 is paused (SIGSTOP)"],
  ...more,
});

async function open(width = 1_280): Promise<{ readonly page: Page; readonly complaints: readonly string[] }> {
  if (browser === undefined || site === undefined) throw new Error("tests are skipped without a browser");
  const page = await browser.newPage({ viewport: { width, height: 800 } });
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
  pages.tell(state());
  await page.goto(site.origin);
  await page.locator("article").nth(1).waitFor();
  return { page, complaints };
}

describe("the page of the agents, in a browser", () => {
  it("shows who holds a session, who waits, and what is being said", async () => {
    const { page, complaints } = await open();
    const busy = page.locator("article.busy");
    expect(await busy.count()).toBe(1);
    expect(await busy.locator(".badge").textContent()).toBe("held by agent-1, 2 waiting");
    expect(await busy.locator(".now").textContent()).toBe("agent-1 let me…");
    expect(await page.locator("article:not(.busy) .badge").textContent()).toBe("free");
    expect(await page.locator("#agents .paused").textContent()).toBe("agent-2 process 12, paused");
    expect(await page.locator("#log li").allTextContents()).toEqual(["agent-2 is paused (SIGSTOP)"]);
    expect(await page.locator("#without").isVisible()).toBe(false);
    expect(complaints).toEqual([]);
    await page.close();
  });

  it("follows what happens", async () => {
    const { page } = await open();
    pages.tell(state({ lock: false, sessions: [session("session-1", { lost: 2, torn: 1, blind: 5 })] }));
    await page.locator("#without").waitFor();
    expect(await page.locator(".facts").textContent()).toBe("3 turns stored, 2 lost, 1 torn, 5 blind");
    expect(await page.locator("article").count()).toBe(1);
    await page.close();
  });

  it("shows what has HTML in it as text", async () => {
    const { page, complaints } = await open();
    expect(await page.locator(".messages .user").textContent()).toBe(EVIL);
    expect(await page.locator("img, b").count()).toBe(0);
    expect(await page.title()).toBe("Agents that share conversations");
    expect(complaints).toEqual([]);
    await page.close();
  });

  it("fits on a phone, and can be photographed", async () => {
    const directory = await mkdtemp(join(tmpdir(), "lock-page-"));
    try {
      const { page } = await open(390);
      const path = join(directory, "page.png");
      await page.screenshot({ path });
      expect((await stat(path)).size).toBeGreaterThan(10_000);
      expect(await page.evaluate("document.documentElement.scrollWidth <= innerWidth")).toBe(true);
      await page.close();
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  it("answers nothing else", async () => {
    if (site === undefined) throw new Error("tests are skipped without a browser");
    expect((await fetch(`${site.origin}/other`)).status).toBe(404);
    expect((await fetch(site.origin, { method: "POST" })).status).toBe(405);
  });
});
