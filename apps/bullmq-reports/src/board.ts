import { type Asked, type FromWorker, WORKERS } from "./messages.ts";

export interface WorkerState {
  readonly name: string;
  /** What it builds now, by run. */
  readonly builds: Map<string, string>;
  built: number;
  fate: string | undefined;
}

/** When a duplicate was refused, as far as this process had heard of the report. */
export const PHASES = ["waiting", "building", "built"] as const;
export type Phase = (typeof PHASES)[number];

/** What the processes told so far: to be shown, and no evidence of anything. */
export class Board {
  asked = 0;
  added = 0;
  readonly refused: Record<Phase, number> = { waiting: 0, building: 0, built: 0 };
  readonly workers: readonly WorkerState[] = WORKERS.map((name) => {
    return { name, builds: new Map(), built: 0, fate: undefined };
  });
  readonly #phases = new Map<string, Phase>();

  ask({ report, added }: Asked): void {
    this.asked++;
    if (added) this.added++;
    else this.refused[this.#phases.get(report) ?? "waiting"]++;
  }

  hear(name: string, message: FromWorker): void {
    const worker = this.workers.find((candidate) => candidate.name === name);
    if (worker === undefined) return;
    if (message.kind === "over") worker.builds.delete(message.run);
    if (message.kind !== "wrote" || message.write.outcome === "refused") return;
    const { report, run, step } = message.write;
    if (step === "begin") {
      worker.builds.set(run, report);
      this.#phases.set(report, "building");
    } else if (step === "finished") {
      worker.built++;
      this.#phases.set(report, "built");
    }
  }

  meetFate(name: string, fate: string | undefined): void {
    const worker = this.workers.find((candidate) => candidate.name === name);
    if (worker !== undefined) worker.fate = fate;
  }

  get duplicates(): number {
    return PHASES.reduce((sum, phase) => sum + this.refused[phase], 0);
  }

  get built(): number {
    return this.workers.reduce((sum, { built }) => sum + built, 0);
  }
}
