import { once } from "node:events";
import { get, type IncomingMessage } from "node:http";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Place } from "../src/messages.ts";
import { openShop, type Shop } from "./support/shop.ts";

let shop: Shop;
beforeAll(async () => {
  shop = await openShop();
});
afterAll(() => shop[Symbol.asyncDispose]());

function charge({ origin }: Place, order: string, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${origin}/orders/${encodeURIComponent(order)}/charge`, { method: "POST", headers });
}

describe("the instances of the shop", () => {
  it("keep each other out", async () => {
    const answers = await Promise.all([charge(shop.first, "1"), charge(shop.second, "1")]);
    const statuses = answers.map(({ status }) => status);
    expect(statuses).toContain(200);
    expect(statuses.every((status) => status === 200 || status === 409)).toBe(true);
    expect(await (await charge(shop.first, "1")).json()).toEqual({
      alreadyCharged: true,
      instance: "shop-1",
    });
    const rows = (await shop.rows()).filter(({ order }) => order === "1");
    expect(rows).toHaveLength(1);
    expect(rows[0]?.fence).toBeGreaterThan(0);
  });

  it("let the pages of each other read the answers, by name", async () => {
    const { headers } = await charge(shop.first, "2", { Origin: shop.second.origin });
    expect(headers.get("Access-Control-Allow-Origin")).toBe(shop.second.origin);
    expect(headers.get("Access-Control-Expose-Headers")).toBe("Retry-After");
    expect(headers.get("Vary")).toContain("Origin");
  });

  it.each(["http://evil.example", "null", "http://127.0.0.1", "http://127.0.0.1:1"])(
    "charge nothing for a page of %s",
    async (origin) => {
      const answer = await charge(shop.first, "3", { Origin: origin });
      expect(answer.status).toBe(403);
      expect(answer.headers.get("Access-Control-Allow-Origin")).toBeNull();
      expect((await shop.rows()).some(({ order }) => order === "3")).toBe(false);
    },
  );

  it.each(["a\nb", "\u001b[31m", "x".repeat(65)])("refuse the order id %j", async (order) => {
    const answer = await charge(shop.first, order);
    expect(answer.status).toBe(400);
    expect(answer.headers.get("Content-Type")).toContain("application/problem+json");
  });

  it("answer what they do not know without a stack", async () => {
    for (const path of ["/nowhere", "/orders/%zz/charge"]) {
      const answer = await fetch(shop.first.origin + path);
      expect(answer.status).toBe(path === "/nowhere" ? 404 : 400);
      expect(await answer.text()).not.toContain("node_modules");
    }
  });

  it("serve a page that may run nothing but its own script", async () => {
    const { headers } = await fetch(shop.first.origin);
    const policy = headers.get("Content-Security-Policy");
    expect(policy).toMatch(
      /^default-src 'none'; script-src 'sha256-[\w+/=]+'; style-src 'sha256-[\w+/=]+'; /,
    );
    expect(policy).toContain(`connect-src ${shop.first.origin} ${shop.second.origin};`);
  });

  it("go on with a charge whose client has left", async () => {
    for (let attempt = 1; attempt <= 20; attempt++) {
      const order = `left-${attempt}`;
      const leaving = new AbortController();
      const url = `${shop.first.origin}/orders/${order}/charge`;
      const outcome = fetch(url, { method: "POST", signal: leaving.signal }).catch(({ name }: Error) => name);
      // Refused: the other request has the key, and is being worked on.
      const { status } = await charge(shop.second, order);
      if (status === 409) leaving.abort();
      if ((await outcome) !== "AbortError") continue;
      const rows = async () => (await shop.rows()).filter((row) => row.order === order);
      await expect.poll(rows).toMatchObject([{ instance: "shop-1" }]);
      return;
    }
    throw new Error("no client could leave in time");
  });
});

describe("the event stream of an instance", () => {
  it("tells what happened before, and ends with the instance", async () => {
    await using closing = await openShop();
    await charge(closing.first, "<b>5</b>");
    // Not by fetch, which takes a connection that was cut for the end of the answer.
    const [answer]: IncomingMessage[] = await once(get(`${closing.first.origin}/activity`), "response");
    if (answer === undefined) throw new Error("there is an answer with each response");
    const stream = text(answer);
    await closing.close();
    const data = /^id: 1\ndata: (.+)\n\n$/.exec(await stream)?.[1] ?? "";
    expect(JSON.parse(data)).toMatchObject({ instance: "shop-1", order: "<b>5</b>", outcome: "charged" });
    expect(JSON.parse(data).held).toBeGreaterThan(30);
    expect(JSON.parse(data)).toEqual(closing.attempts[0]);
  });
});
