// A process of its own per contestant: one that crashes or hangs takes nothing else down, and none profits from
// code that another one has warmed up.

import { contestantOfBuild } from "../against/builds.ts";
import { findContestant } from "../contestants/index.ts";
import type { FromWorker, ToWorker } from "./jobs.ts";
import { runJob } from "./run-job.ts";

// The parent is gone, or wants no more of this process.
process.on("disconnect", () => process.exit());

const [id = "", url = "", build] = process.argv.slice(2);

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

await guarded(async () => {
  const contestant = build === undefined ? findContestant(id) : await contestantOfBuild(build, id);
  const session = await contestant.open(url);
  process.on("message", (message: ToWorker) => {
    void guarded(async () => ({
      status: "done",
      outcome: await runJob(message, session, () => contestant.open(url)),
    }));
  });
  return { status: "ready" };
});
