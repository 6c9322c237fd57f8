// A process of its own per contestant: one that crashes or hangs takes nothing else down, and none profits from
// code that another one has warmed up. Two builds of one contestant share a process, to share its luck.

import { contestantOfBuild } from "../against/builds.ts";
import type { Contestant } from "../contestants/contestant.ts";
import type { FromWorker, ToWorker } from "./jobs.ts";
import { runJob } from "./run-job.ts";

// The parent is gone, or wants no more of this process.
process.on("disconnect", () => process.exit());

const [id = "", url = "", ...builds] = process.argv.slice(2);

function send(message: FromWorker): void {
  process.send?.(message);
}

async function guarded(work: () => Promise<FromWorker>): Promise<void> {
  try {
    send(await work());
  } catch (error) {
    send({ status: "failed", reason: error instanceof Error ? error.message : String(error) });
  }
}

async function findContestants(): Promise<readonly Contestant[]> {
  if (builds.length === 0) {
    // It loads the build of this checkout and all rivals, which others do without.
    const { findContestant } = await import("../contestants/index.ts");
    const { besideContestants } = await import("../contestants/beside.ts");
    return [findContestant(id, await besideContestants())];
  }
  const found: Contestant[] = [];
  // One after the other: the order in which they are loaded makes a difference.
  for (const build of builds) found.push(await contestantOfBuild(JSON.parse(build), id));
  return found;
}

await guarded(async () => {
  const contestants = await findContestants();
  const sessions = await Promise.all(contestants.map((contestant) => contestant.open(url)));
  process.on("message", (message: ToWorker) => {
    void guarded(async () => {
      const which = message.job === "cost" ? message.request.build : 0;
      const [contestant, session] = [contestants[which], sessions[which]];
      if (contestant === undefined || session === undefined) throw new Error(`there is no build ${which}`);
      return { status: "done", outcome: await runJob(message, session, () => contestant.open(url)) };
    });
  });
  return { status: "ready" };
});
