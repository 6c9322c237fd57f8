import { stripVTControlCharacters } from "node:util";
import { refusalSuite } from "@lock/demo-kit/suites";
import {
  expectFits,
  expectNothingAt,
  interruptDemo,
  launchDemo,
  startGivenRedis,
} from "@lock/demo-kit/testing";
import { describe, expect, it } from "vitest";
import { readOptions } from "../src/options.ts";

/** A row of the trees: how deep it stands, its span, and its service. */
const ROW = /^ ?(\d+) {2}((?:│ {2}| {3}|├─ |└─ )*)(\S.*?) {2,}(checkout|billing) /;

describe.concurrent("pnpm demo traces", () => {
  it("shows who held, who waited, and why", async () => {
    const { code, stdout, stderr } = await launchDemo(["traces"]);
    expect(stderr).toBe("");
    expect(code).toBe(0);
    expectShown(stdout, 80);
    await expectNothingLeft(stdout);
  });

  it("shows it in 60 columns and colours, on the Redis that the environment names, and heeds no settings of OpenTelemetry that are made for other programs", async () => {
    await using given = await startGivenRedis();
    const { code, stdout, stderr } = await launchDemo(["traces"], {
      ...given.env,
      COLUMNS: "60",
      OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:1",
      OTEL_TRACES_SAMPLER: "always_off",
      OTEL_SERVICE_NAME: "other",
      FORCE_COLOR: "1",
      // Of who runs the tests.
      NO_COLOR: "",
    });
    expect(stderr).toBe("");
    expect(code).toBe(0);
    expect(stdout).toContain("\u001b[36mcheckout");
    expectShown(stripVTControlCharacters(stdout), 60);
    expect(stdout).toContain(`Redis: ${given.place}, as the environment says`);
    expect(stdout).not.toContain(given.secret);
    for (const { expiresIn } of await given.keys()) expect(expiresIn).toBeGreaterThan(0);
  });

  it("by SIGINT it ends its services and its Redis", async () => {
    const { code, stdout } = await interruptDemo(["traces"], /both services are up/, "SIGINT");
    expect(code).toBe(130);
    expect(stdout).not.toContain("Verdict");
    await expectNothingLeft(stdout);
  });
});

refusalSuite("traces", readOptions, [
  [["--slow", "499"], "--slow must be a whole number from 500 to 10000"],
  [["--fast"], "pnpm demo traces --help"],
]);

/** All of the demo's screen, in so many columns. */
function expectShown(stdout: string, columns: number): void {
  expectFits(stdout, columns);
  expect(stdout).not.toContain("\u001b");
  // One trace spans both processes; the other two are requests of their own.
  expect(tracesOf(stdout).toSorted()).toEqual([
    [
      "0 invoice order 42 (billing)",
      "1 lock.acquire order:42 (billing)",
      "1 lock.hold order:42 (billing)",
      "1 write invoice (billing)",
    ],
    ["0 pay order 42 (checkout)", "1 lock.acquire order:42 (checkout)"],
    [
      "0 pay order 42 (checkout)",
      "1 lock.acquire order:42 (checkout)",
      "1 lock.hold order:42 (checkout)",
      "1 payment provider (checkout)",
      "1 lock.hold order:42 (billing)",
      "1 write receipt (billing)",
    ],
  ]);
  expectExplained(stdout);
  expect(metricsOf(stdout)).toEqual([
    ["lock.acquire.duration", "checkout order acquired 21"],
    ["lock.acquire.duration", "checkout order busy 1"],
    ["lock.acquire.duration", "billing order acquired 21"],
    ["lock.hold.duration", "checkout order 21"],
    ["lock.hold.duration", "billing order 42"],
    ["lock.conflicts", "checkout order 1"],
    ["lock.conflicts", "billing order 1"],
    ["lock.waiting", "billing order 0 1"],
  ]);
}

/** The rows of each trace, such as "1 lock.hold order:42 (billing)". */
function tracesOf(stdout: string): string[][] {
  const [, ...traces] = stdout.split(/^ {4}trace [0-9a-f]{8}$/m);
  return traces.map((text) =>
    text.split("\n").flatMap((line) => {
      const [, , rail = "", name, service] = ROW.exec(line) ?? [];
      return name === undefined ? [] : `${rail.length / 3} ${name} (${service})`;
    }),
  );
}

/** The wait is no shorter than the payment, and the leases account for all of it. */
function expectExplained(stdout: string): void {
  const verdict = stdout.slice(stdout.indexOf("Verdict:")).replaceAll(/\s+/g, " ");
  const sentence =
    /good: billing waited (.+) for order:42, because it was held by checkout for (.+) \(payment provider\), then by billing for (.+) \(write receipt\)\. The other (.+) passed between leases\./;
  const times = sentence.exec(verdict)?.slice(1).map(millis);
  const [waited = 0, ...parts] = times ?? [];
  expect(parts, verdict).toHaveLength(3);
  expect(waited).toBeGreaterThanOrEqual(1_300);
  expect(parts[0]).toBeGreaterThanOrEqual(1_190);
  // Each of the four is rounded, to 10 ms at most.
  expect(Math.abs(waited - parts.reduce((sum, part) => sum + part, 0))).toBeLessThanOrEqual(20);
  const seen = stdout.replaceAll(/\s+/g, " ");
  expect(seen).toContain("handedOver, link to 2 ");
  expect(seen).toMatch(/acquired, waited \d\.\d\d s, holder checkout /);
  expect(seen).toMatch(/busy, waited \d+ ms, holder checkout /);
}

function millis(text: string): number {
  const [number, unit] = text.split(" ");
  return Number(number) * (unit === "s" ? 1_000 : 1);
}

/** Each row below its metric, without durations. */
function metricsOf(stdout: string): [string, string][] {
  let metric = "";
  const rows: [string, string][] = [];
  for (const line of stdout.slice(stdout.indexOf("The metrics")).split("\n")) {
    metric = /^ {2}(lock\.\S+)$/.exec(line)?.[1] ?? metric;
    const [row] = /^ {4}(checkout|billing) .*/.exec(line) ?? [];
    if (row === undefined) continue;
    rows.push([
      metric,
      row
        .replaceAll(/[\d.]+ m?s\b/g, "")
        .trim()
        .replaceAll(/\s+/g, " "),
    ]);
  }
  return rows;
}

async function expectNothingLeft(stdout: string): Promise<void> {
  const [, port = ""] = /Redis: 127\.0\.0\.1:(\d+), started/.exec(stdout) ?? [];
  await expectNothingAt([Number(port)]);
}
