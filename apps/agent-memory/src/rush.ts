import { setTimeout as sleep } from "node:timers/promises";
import { colours, type DemoRedis, orStop, print } from "@lock/demo-kit";
import type { Redis } from "ioredis";
import { openStore } from "./connections.ts";
import { Crew, type OnTold } from "./crew.ts";
import { Fate } from "./fate.ts";
import type { Options } from "./options.ts";
import { type Asked, impatience, planRush } from "./plan.ts";
import { type Progress, showProgress } from "./progress.ts";
import { sessionNames } from "./questions.ts";
import { printSessions, printVerdict } from "./report.ts";
import { damageOf, factsOf, isRetaken, lateDamage } from "./verdict.ts";

/** How long the model thinks about a word: an answer takes about a tenth of a second. */
const PACE = 6;
/** Within so many milliseconds all have asked. */
const ARRIVALS = 1_000;

export interface Setting {
  readonly prefix: string;
  readonly env: DemoRedis["env"];
  readonly client: Redis;
}

/** All ask within a second; resolves with the exit code when all turns are saved, and one agent was paused. */
export async function rush(options: Options, setting: Setting, stop: AbortSignal): Promise<number> {
  const { lock, turns, sessions } = options;
  const { prefix, env, client } = setting;
  const turnsTaken = new Turns(turns, sessions, showProgress(turns));
  await using crew = new Crew({ prefix, lock, pace: PACE }, env, turnsTaken.hear);
  await orStop(crew.ready(), stop);
  await orStop(crew.during(turnsTaken.take(crew)), stop);

  const questions = turnsTaken.asked.map(({ question }) => question);
  const names = sessionNames(sessions);
  const stores = await Promise.all(names.map((name) => openStore(client, prefix, name, lock).getMessages()));
  const facts = names.map((name, at) => factsOf(name, stores[at] ?? [], questions));
  const retaken = stores.some((messages) => isRetaken(messages, turnsTaken.fateful));
  const damage = [...damageOf(facts), ...(lock ? lateDamage(turnsTaken.lateSave, retaken) : [])];
  printSessions(facts);
  const exitCode = printVerdict(facts, damage, lock);
  if (exitCode === 0 && lock) {
    print("  The store refused the late answer; that turn was taken again.");
    print(colours.dim("\n  What happens without the lock: pnpm demo agent-memory --no-lock"));
    print(colours.dim("  See the sessions in a browser: pnpm demo agent-memory --serve"));
  }
  return exitCode;
}

/** The turns of a rush, from when they are asked for until all are saved. */
class Turns {
  readonly asked: Asked[];
  readonly #saved = new Set<number>();
  #crew: Crew | undefined;
  #fate: Fate | undefined;
  #allSaved: () => void = () => undefined;

  constructor(
    private readonly turns: number,
    sessions: number,
    private readonly progress: Progress,
  ) {
    this.asked = planRush(turns - 1, sessions);
  }

  get fateful(): number {
    return this.asked.find(({ question }) => question.isFateful)?.question.turn ?? 0;
  }

  get lateSave() {
    return this.#fate?.lateSave;
  }

  /** Resolves when all are saved. */
  async take(crew: Crew): Promise<void> {
    this.#crew = crew;
    this.#fate = new Fate(crew, this.progress.say);
    const allSaved = new Promise<void>((resolve) => {
      this.#allSaved = resolve;
    });
    const gap = ARRIVALS / this.turns;
    for (const { agent, question } of [...this.asked]) {
      crew.ask(agent, question);
      await sleep(gap);
    }
    await allSaved;
  }

  readonly hear: OnTold = (agent, told) => {
    this.#fate?.hear(agent, told);
    // Whoever waits for the answer of an agent that is paused asks again, and gets another agent.
    if (told.kind === "middle") this.#ask(impatience(this.turns, told.session));
    if (told.kind !== "saved") return;
    this.progress.done(this.#saved.add(told.turn).size);
    if (this.#saved.size === this.turns) this.#allSaved();
  };

  #ask(asked: Asked): void {
    this.asked.push(asked);
    this.#crew?.ask(asked.agent, asked.question);
  }
}
