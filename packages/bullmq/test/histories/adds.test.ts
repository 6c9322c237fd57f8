import { once } from "node:events";
import { fewOrMany, newestOrOlder } from "@lock/redis-harness/vitest";
import { describe, expect, it } from "vitest";
import { majors } from "../support/majors.ts";
import { said, start } from "../support/process.ts";
import { useScene } from "../support/scene.ts";

const scene = useScene();
const PROCESSES = 4;
const ADDS = fewOrMany(500, 10_000);
const KEYS = 100;

interface Told {
  readonly report: number;
  readonly added: boolean;
  readonly jobId: string;
}

describe.each(newestOrOlder(majors))("$name", ({ name, bullmq }) => {
  it(`${PROCESSES * ADDS} adds of ${KEYS} keys from ${PROCESSES} processes: ${KEYS} jobs, and every caller is told right`, async () => {
    const queue = scene.queue(bullmq);
    const args = [scene.url, name.slice(-1), queue.name, String(ADDS), String(KEYS)];
    const producers = Array.from({ length: PROCESSES }, () => start("producer", ...args));
    const ends = producers.map((producer) => once(producer, "exit"));
    await Promise.all(producers.map((producer) => said(producer)));
    for (const producer of producers) producer.send("go");
    const told = (await Promise.all(producers.map((producer) => said<Told[]>(producer)))).flat();
    await Promise.all(ends);
    const jobs = await queue.getJobs(["wait"]);
    const idOf = new Map(jobs.map((job) => [job.data.report, job.id]));
    expect(jobs).toHaveLength(KEYS);
    expect(idOf.size).toBe(KEYS);
    expect(told).toHaveLength(PROCESSES * ADDS);
    expect(told.filter(({ added }) => added)).toHaveLength(KEYS);
    expect(told.filter(({ report, jobId }) => idOf.get(report) !== jobId)).toEqual([]);
  });
});
