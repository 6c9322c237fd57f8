import { newestOrOlder } from "@lock/redis-harness/vitest";
import { describe, expect, it } from "vitest";
import { ask } from "../support/client.ts";
import { useLocks } from "../support/locks.ts";
import { charge, forms, newKey, post, shopOn, wrappers } from "./orders.ts";

const shop = shopOn(useLocks());

describe.each(newestOrOlder(forms))("$name, $form", (combination) => {
  it("asks for the key where it is required, and refuses what is none", async () => {
    const { url, done } = await shop(combination, charge, { required: true });
    const missing = await ask(url, post(undefined));
    expect([missing.status, JSON.parse(missing.body).code]).toEqual([400, "IDEMPOTENCY_KEY_MISSING"]);
    for (const wrong of ["", '""', '"a', "a b", 'a"b', "x".repeat(256), "a, b", '"ä"']) {
      const answer = await ask(
        url,
        post(encodeURI(wrong) === wrong || !/ä/.test(wrong) ? wrong : '"\u00e4"'),
      );
      expect([answer.status, wrong]).toEqual([400, wrong]);
    }
    expect(done()).toBe(0);
    await ask(url, { method: "GET" });
    expect(done()).toBe(1);
  });

  it("lets requests without a key through where it is not required", async () => {
    const { url, done } = await shop(combination, charge);
    await ask(url, post(undefined));
    await ask(url, post(undefined));
    expect(done()).toBe(2);
  });

  it("does not mind how the key is quoted, nor in which order the fields are sent", async () => {
    const { url, done } = await shop(combination, charge);
    await ask(url, post('"a-key"', { cents: 5, to: { a: 1, b: [2] } }));
    const again = await ask(url, post("a-key", { to: { b: [2], a: 1 }, cents: 5 }));
    expect(again.headers.get("idempotent-replayed")).toBe("true");
    expect(done()).toBe(1);
  });

  it("refuses the same key with another payload, query or order", async () => {
    const { url, done } = await shop(combination, charge);
    const key = newKey();
    await ask(url, post(key));
    for (const other of [
      await ask(url, post(key, { cents: 6 })),
      await ask(`${url}?now=1`, post(key)),
      await ask(url.replace("/orders/7", "/orders/8"), post(key)),
    ]) {
      expect([other.status, other.headers.get("content-type")]).toEqual([
        422,
        "application/problem+json; charset=utf-8",
      ]);
      expect(JSON.parse(other.body)).toMatchObject({ status: 422, code: "IDEMPOTENCY_KEY_REUSED" });
    }
    expect(done()).toBe(1);
  });

  it("keeps the keys of tenants and methods apart", async () => {
    const { url, done } = await shop(combination, charge);
    const key = newKey();
    await ask(url, post(key));
    expect((await ask(url, post(key, { cents: 5 }, { "x-tenant": "b" }))).status).toBe(201);
    expect((await ask(url, { ...post(key), method: "PATCH" })).status).toBe(201);
    expect(done()).toBe(3);
  });

  it("refuses a payload that it cannot see", async () => {
    const { url, done } = await shop(combination, charge);
    const answer = await ask(url, {
      headers: { "content-type": "application/x-unknown", "idempotency-key": newKey() },
      body: "x=1",
    });
    expect([answer.status, done()]).toEqual([415, 0]);
    expect((await ask(url, post(newKey(), {}))).status).toBe(201);
  });

  it("takes the fingerprint from a function, and the bytes of raw bodies", async () => {
    const own = await shop(combination, charge, { fingerprint: async (req) => String(req.body.cents) });
    const key = newKey();
    await ask(own.url, post(key, { cents: 5, at: 1 }));
    expect((await ask(own.url, post(key, { cents: 5, at: 2 }))).status).toBe(201);
    expect((await ask(own.url, post(key, { cents: 6, at: 2 }))).status).toBe(422);
    const raw = await shop(combination, charge);
    const bytes = (text: string) => ({
      headers: { "content-type": "application/octet-stream", "idempotency-key": key },
      body: text,
    });
    expect((await ask(raw.url, bytes("one"))).status).toBe(201);
    expect((await ask(raw.url, bytes("one"))).headers.get("idempotent-replayed")).toBe("true");
    expect((await ask(raw.url, bytes("two"))).status).toBe(422);
  });
});

describe.each(newestOrOlder(wrappers))("$name, idempotent", (combination) => {
  it.each<[string, () => unknown]>([
    ["a promise", async () => "a"],
    ["nothing", () => undefined],
  ])("refuses a tenant that is %s", async (_what, tenant) => {
    const { url } = await shop(combination, (_req, res) => void res.send("done"), {
      tenant: tenant as () => string,
    });
    expect((await ask(url, post(newKey()))).status).toBe(500);
  });

  it("keeps the urls of one route apart, also with a fingerprint of its own; methods in any case", async () => {
    const options = { fingerprint: () => "same", methods: ["post"] };
    const { url } = await shop(combination, (req, res) => void res.send(String(req.params.id)), options);
    const key = newKey();
    const order = (id: string) => ask(url.replace("/orders/7", `/orders/${id}`), post(key));
    expect((await order("1")).body).toBe("1");
    expect((await order("2")).status).toBe(422);
    expect((await order("1")).headers.get("idempotent-replayed")).toBe("true");
  });
});
