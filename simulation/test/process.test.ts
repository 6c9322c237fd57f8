import { expect, it } from "vitest";
import { World } from "../src/world/world.ts";

function scene() {
  const world = new World(1);
  const process = world.addProcess("p", { rate: 1, offset: 0 });
  const told: string[] = [];
  const tell = (what: string) => () => void told.push(`${what} ${world.timeline.now.toFixed(0)}`);
  return { world, process, told, tell };
}

it("after a pause, timers that are due come first, then reads, then immediates", async () => {
  const { world, process, told, tell } = scene();
  process.pause(50);
  process.afterReads(tell("immediate"));
  world.timeline.after(10, () => process.read(tell("read")));
  process.setTimer(tell("timer"), 20);
  process.setTimer(tell("late timer"), 80);
  await world.run(100);
  expect(told).toEqual(["timer 50", "read 50", "immediate 50", "late timer 80"]);
});

it("promises settle between two callbacks of one turn", async () => {
  const { world, process, told, tell } = scene();
  process.pause(5);
  process.setTimer(() => void Promise.resolve().then(tell("promise")).then(tell("and the next")), 1);
  process.setTimer(tell("second timer"), 2);
  await world.run(10);
  expect(told).toEqual(["promise 5", "and the next 5", "second timer 5"]);
});

it("an immediate of an immediate comes in the next turn, behind a timer that is due", async () => {
  const { world, process, told, tell } = scene();
  process.afterReads(() => process.afterReads(tell("inner")));
  process.setTimer(tell("timer"), 1);
  await world.run(5);
  expect(told).toEqual(["inner 0", "timer 1"]);
});

it("nothing of a process runs after it was killed, and its timers do not count", async () => {
  const { world, process, told, tell } = scene();
  process.setTimer(tell("timer"), 10);
  world.timeline.after(5, () => process.kill());
  world.timeline.after(6, () => process.read(tell("read")));
  await world.run(20);
  expect(told).toEqual([]);
});

it("clocks run at their rate, and a step moves the wall clock alone", () => {
  const world = new World(1);
  const process = world.addProcess("p", { rate: 1.5, offset: 1_000 });
  const before = process.now();
  world.timeline.now = 100;
  process.stepWall(-5_000);
  const after = process.now();
  expect(after.mono - before.mono).toBeCloseTo(150);
  expect(after.wall - before.wall).toBeCloseTo(150 - 5_000);
});
