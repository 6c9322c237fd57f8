import { describe, expect, it } from "vitest";
import { readAnswer } from "../src/answer.ts";

const PATH = "/orders/1001/charge";
const PROBLEM = {
  type: "about:blank",
  title: "Conflict",
  status: 409,
  detail: "Another request is working on the same thing.",
  instance: PATH,
  code: "LOCK_BUSY",
};
const HEADERS = { "Content-Type": "application/problem+json; charset=utf-8", "Retry-After": "30" };

function read(status: number, body: unknown, headers: Record<string, string> = HEADERS) {
  return readAnswer(
    new Response(typeof body === "string" ? body : JSON.stringify(body), { status, headers }),
    PATH,
  );
}

describe("what a customer takes an answer for", () => {
  it("is charged, already charged or refused", async () => {
    expect(await read(200, { charged: true })).toEqual({ kind: "charged" });
    expect(await read(200, { alreadyCharged: true })).toEqual({ kind: "already charged" });
    expect(await read(409, PROBLEM)).toEqual({ kind: "refused", retryAfter: 30_000 });
  });

  it.each(Object.keys(PROBLEM))("is a failure when a refusal has no %s", async (name) => {
    const answer = await read(409, { ...PROBLEM, [name]: undefined });
    expect(answer).toEqual({ kind: "failed", reason: `409 whose ${name} is not as it has to be` });
  });

  it.each([
    ["Retry-After", { "Content-Type": HEADERS["Content-Type"] }],
    ["Retry-After", { ...HEADERS, "Retry-After": "0" }],
    ["Retry-After", { ...HEADERS, "Retry-After": "soon" }],
    ["Content-Type", { ...HEADERS, "Content-Type": "application/json" }],
  ])("is a failure when a refusal has a wrong %s: %j", async (name, headers) => {
    expect(await read(409, PROBLEM, headers)).toMatchObject({
      kind: "failed",
      reason: expect.stringContaining(name),
    });
  });

  it.each([
    [409, "<html>", "409 whose body is no JSON object"],
    [200, "null", "200 whose body is no JSON object"],
    [200, "{}", "200 that says neither"],
    [503, '{"title":"Service Unavailable"}', "503 Service Unavailable"],
  ])("is a failure for %i %s", async (status, body, reason) => {
    expect(await read(status, body)).toEqual({ kind: "failed", reason });
  });
});
