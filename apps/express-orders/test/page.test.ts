import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findBrowser } from "@lock/demo-kit/browser";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { openShop, type Shop } from "./support/shop.ts";

/** Chromium may have to be installed. */
const INSTALL_LIMIT_MS = 300_000;
const EVIL = "<img src=x onerror=\"document.title='pwned'\"><b>7</b>";

let browser: Browser | undefined;
let shop: Shop | undefined;
let whyNot = "";

beforeAll(async () => {
  const found = await findBrowser();
  if ("missing" in found) {
    whyNot = `no browser: ${found.missing}`;
    process.stderr.write(`The checkout page is not tested, ${whyNot}\n`);
    if (process.env.CI) throw new Error(whyNot);
    return;
  }
  // Its sandbox does not work as root.
  const args = process.geteuid?.() === 0 ? ["--no-sandbox"] : [];
  browser = await chromium.launch({ executablePath: found.path, args });
  shop = await openShop();
}, INSTALL_LIMIT_MS);

afterAll(async () => {
  await browser?.close();
  await shop?.[Symbol.asyncDispose]();
});

beforeEach((context) => context.skip(browser === undefined, whyNot));

interface Opened {
  readonly page: Page;
  readonly shop: Shop;
  /** What the browser complains of. */
  readonly complaints: readonly string[];
}

async function openPage(order: string, width = 1_280, height = 800): Promise<Opened> {
  if (browser === undefined || shop === undefined) throw new Error("tests are skipped without a browser");
  const page = await browser.newPage({ viewport: { width, height } });
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    // A refusal is one of the answers that are to be shown.
    if (message.type() === "error" && !message.text().includes("409")) complaints.push(message.text());
  });
  await page.goto(`${shop.first.origin}/?order=${encodeURIComponent(order)}`);
  await page.locator("#instances li.connected").nth(1).waitFor();
  return { page, shop, complaints };
}

/** Resolves when both answers are shown, and what the instances told of them. */
async function pay({ page }: Opened): Promise<string[]> {
  const before = await page.locator("#activity li").count();
  await page.locator("#pay").click();
  await page.locator("#pay:enabled").waitFor();
  await page
    .locator("#activity li")
    .nth(before + 1)
    .waitFor();
  return page.locator("#answers .badge").allTextContents();
}

function isAnswerOf(name: string) {
  const origin = name === "shop-1" ? shop?.first.origin : shop?.second.origin;
  return (response: { url(): string }) => response.url() === `${origin}/orders/6005/charge`;
}

describe("the checkout page, in a browser", () => {
  it("pays twice at once, and shows that it was charged once", async () => {
    const opened = await openPage("6001");
    const { page, shop, complaints } = opened;
    expect(await page.locator("#pay").textContent()).toMatch(/^Pay \d+\.\d\d €$/);
    const badges = await pay(opened);
    expect(badges.filter((badge) => badge === "200 charged")).toHaveLength(1);
    expect(badges.filter((badge) => /^(409 refused|200 already charged)$/.test(badge))).toHaveLength(1);
    expect(await page.locator("#conclusion").textContent()).toContain("Charged once.");
    const [row, ...more] = (await shop.rows()).filter(({ order }) => order === "6001");
    expect(more).toEqual([]);
    const charged = await page.locator("#activity li.charged").textContent();
    expect(charged).toContain(`order 6001, token ${row?.fence}, lease held `);
    expect(charged).toContain(row?.instance);
    expect(complaints).toEqual([]);
    await page.close();
  });

  it("is told that it was charged when it pays again", async () => {
    const opened = await openPage("6002");
    await pay(opened);
    expect(await pay(opened)).toContain("200 already charged");
    expect(await opened.page.locator("#activity li.charged").filter({ hasText: "6002" }).count()).toBe(1);
    await opened.page.close();
  });

  it("shows an order id with HTML in it as text", async () => {
    const opened = await openPage(EVIL);
    const { page, complaints } = opened;
    await pay(opened);
    expect(await page.locator("#order-id").textContent()).toBe(EVIL);
    expect(
      await page
        .locator("#activity li.charged")
        .filter({ hasText: `order ${EVIL}` })
        .count(),
    ).toBe(1);
    expect(await page.locator("img, b").count()).toBe(0);
    expect(await page.title()).toBe("Checkout");
    expect(complaints).toEqual([]);
    await page.close();
  });

  it("has new orders, and the ones before in the history", async () => {
    const { page } = await openPage("6003");
    await page.locator("#new-order").click();
    await page.locator("#order-id", { hasNotText: "6003" }).waitFor();
    await page.goBack();
    await page.locator("#order-id", { hasText: "6003" }).waitFor();
    await page.close();
  });

  it("shows nothing of an order that was under way when a new one was begun", async () => {
    const { page, complaints } = await openPage("6005");
    const answers = ["shop-1", "shop-2"].map((name) => page.waitForResponse(isAnswerOf(name)));
    await page.evaluate(
      "document.getElementById('pay').click(); document.getElementById('new-order').click()",
    );
    for (const answer of await Promise.all(answers)) await answer.finished();
    await page.locator("#activity li").filter({ hasText: "order 6005" }).nth(1).waitFor();
    await page.locator("#pay:enabled").waitFor();
    expect(await page.locator("#answers .badge").allTextContents()).toEqual([
      "not asked yet",
      "not asked yet",
    ]);
    expect(await page.locator("#conclusion").textContent()).toBe("");
    await page.goBack();
    await page.locator("#order-id", { hasText: "6005" }).waitFor();
    expect(complaints).toEqual([]);
    await page.close();
  });

  it("fits on a phone, and can be photographed", async () => {
    const directory = await mkdtemp(join(tmpdir(), "lock-page-"));
    try {
      const opened = await openPage(EVIL, 390, 844);
      await pay(opened);
      const path = join(directory, "page.png");
      await opened.page.screenshot({ path });
      expect((await stat(path)).size).toBeGreaterThan(10_000);
      expect(await opened.page.evaluate("document.documentElement.scrollWidth <= innerWidth")).toBe(true);
      await opened.page.close();
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  it("sees the instances go", async () => {
    const { page, shop } = await openPage("6004");
    await shop.close();
    await page.locator("#instances li:not(.connected)").nth(1).waitFor();
    await page.locator("#pay").click();
    await page.locator(".answer.failed").nth(1).waitFor();
    await page.close();
  });
});
