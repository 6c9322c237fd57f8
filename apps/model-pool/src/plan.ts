import { type Job, MODELS, nameOf } from "./messages.ts";

/** The model that the victim asks for, and is killed with. */
export const FATAL_MODEL = 3;
/** Which of the victim's pieces of work it does not survive, from 0. */
const FATAL_ROUND = 1;
/** No end of it is waited for. */
const FATAL_MS = 60_000;
const SHORTEST_MS = 150;
const LONGEST_MS = 500;
/** One of so many pieces of work wants a chosen model. */
const CHOOSY = 3;

/** Who does what, and what becomes of the work of the node that is killed. */
export class Plan {
  /** The node that is killed. */
  readonly victim: number;
  /** The node that does the victim's last piece of work again, with the same model. */
  readonly heir: number;
  readonly #left: Job[][];
  #isVictimDead = false;

  constructor(
    readonly nodes: number,
    readonly rounds: number,
    private readonly random: () => number = Math.random,
  ) {
    this.victim = Math.floor(nodes / 2) + 1;
    this.heir = (this.victim % nodes) + 1;
    let count = 0;
    this.#left = Array.from({ length: nodes }, (_, index) => {
      if (index + 1 === this.victim) return this.#fatal();
      return Array.from({ length: rounds }, () => this.#job(count++));
    });
  }

  /** What is left to do for a node. */
  left(node: number): readonly Job[] {
    return this.#left[node - 1] ?? [];
  }

  /** How many pieces of work a node is to do to their end. */
  expected(node: number): number {
    if (node === this.victim) return FATAL_ROUND;
    return this.rounds + (node === this.heir ? 1 : 0);
  }

  /** The models that will have been used whatever the order: the lowest is taken first, others are chosen. */
  get models(): number[] {
    const chosen = this.#left.flat().map(({ choice }) => choice.slot ?? 1);
    return [...new Set(chosen)].sort((a, b) => a - b);
  }

  /** The next piece of work of a node; "later" while the victim's may still come. */
  next(node: number): Job | "later" | "end" {
    const job = this.#left[node - 1]?.shift();
    if (job !== undefined) return job;
    return node === this.heir && !this.#isVictimDead ? "later" : "end";
  }

  /** To be done once more: the lease was lost before the end. */
  again(node: number, job: Job): void {
    this.#left[node - 1]?.unshift(job);
  }

  /** The victim is dead: its work is the heir's next. */
  victimDied(): void {
    this.#isVictimDead = true;
    this.#left[this.victim - 1] = [];
    this.again(this.heir, { choice: { slot: FATAL_MODEL }, duration: this.#duration() });
  }

  isFatal(node: number, job: Job): boolean {
    return node === this.victim && job.duration === FATAL_MS;
  }

  #fatal(): Job[] {
    const before = Array.from({ length: FATAL_ROUND }, () => ({ choice: {}, duration: this.#duration() }));
    return [...before, { choice: { slot: FATAL_MODEL }, duration: FATAL_MS }];
  }

  #job(count: number): Job {
    const turn = Math.floor(count / CHOOSY);
    const choice = count % CHOOSY === 1 ? { slot: MODELS - (turn % MODELS) } : {};
    return { choice, duration: this.#duration() };
  }

  #duration(): number {
    return Math.round(SHORTEST_MS + this.random() * (LONGEST_MS - SHORTEST_MS));
  }
}

export function describeJobs(plan: Plan, node: number): string {
  const jobs = plan
    .left(node)
    .map(({ choice: { slot } }) => (slot === undefined ? "any" : `model ${slot}`))
    .join(", ");
  if (node === plan.victim) return `${jobs}: killed while it holds that one`;
  return node === plan.heir ? `${jobs}; and what ${nameOf(plan.victim)} leaves` : jobs;
}
