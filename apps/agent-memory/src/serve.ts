import { setTimeout as sleep } from "node:timers/promises";
import { colours, orStop, print, Site } from "@lock/demo-kit";
import { openLocks } from "@lock/demo-kit/clients";
import { Crew } from "./crew.ts";
import { Fate, SLEEPER } from "./fate.ts";
import { Live } from "./live.ts";
import type { AgentName, Question } from "./messages.ts";
import type { Options } from "./options.ts";
import { type Asked, impatience } from "./plan.ts";
import { questionOf, sessionNames } from "./questions.ts";
import { printSessions, printVerdict } from "./report.ts";
import type { Setting } from "./rush.ts";
import { Pages } from "./site.ts";
import { damageOf } from "./verdict.ts";

/** Slow enough to watch: an answer takes about two seconds. */
const PACE = 100;
/** Turns that are under way at once, waiting ones included. */
const AT_ONCE = 9;
const REFRESH_MS = 150;
/** Every so many turns, the sleeper is paused. */
const BETWEEN_FATES = 25;

/** Goes on taking turns, to be watched; resolves with the exit code when the time is over. */
export async function serve(options: Options, setting: Setting, stop: AbortSignal): Promise<number> {
  const { lock, minutes, port } = options;
  const { prefix, env, client } = setting;
  const sessions = sessionNames(options.sessions);
  await using opened = openLocks(env.REDIS_URL, { prefix, holder: "page" });
  const live = new Live({ client, locks: opened.locks, prefix, lock, sessions });
  await using site = await Site.open(port);
  using pages = new Pages();
  site.serve(pages.listener(site.origin));
  await using visitors = new Visitors(options, setting, live);
  await orStop(visitors.crew.ready(), stop);
  print(`  ${colours.bold(site.origin)}\n`);
  print(`Open it in a browser. Ctrl-C ends the demo; it also ends after ${minutes} min.\n`);
  visitors.begin();
  const refreshing = refresh(pages, () => live.state(visitors.crew.agents), stop);
  await orStop(
    visitors.crew.during(Promise.race([sleep(minutes * 60_000, undefined, { signal: stop }), refreshing])),
    stop,
  );
  const facts = await live.facts();
  printSessions(facts);
  return printVerdict(facts, damageOf(facts), lock);
}

/** Never resolves; rejects when the state cannot be read. */
async function refresh(
  pages: Pages,
  state: () => ReturnType<Live["state"]>,
  stop: AbortSignal,
): Promise<never> {
  for (;;) {
    pages.tell(await state());
    await sleep(REFRESH_MS, undefined, { signal: stop });
  }
}

/** Those who ask: a few at a time, and again as soon as one is answered. */
class Visitors implements AsyncDisposable {
  readonly crew: Crew;
  readonly #asked = new Map<number, Question>();
  #turn = 0;
  #fate: Fate | undefined;

  constructor(
    private readonly options: Options,
    { prefix, env }: Setting,
    private readonly live: Live,
  ) {
    this.crew = new Crew({ prefix, lock: options.lock, pace: PACE }, env, (agent, told) => {
      const question = this.#asked.get(told.turn);
      if (question === undefined) return;
      this.live.hear(agent, told, question);
      this.#fate?.hear(agent, told);
      if (told.kind === "middle") this.#askOf(impatience(this.#next(), told.session));
      if (told.kind === "saved") this.#ask();
    });
  }

  begin(): void {
    for (let at = 0; at < AT_ONCE; at++) this.#ask();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.crew[Symbol.asyncDispose]();
  }

  #ask(): void {
    const { question, agent } = questionOf(this.#next(), this.options.sessions);
    // At random: so that some sessions are wanted by several at once.
    const session = Math.floor(Math.random() ** 2 * this.options.sessions) + 1;
    const isFateful = this.#isFateful(agent);
    this.#askOf({ agent, question: { ...question, session: `session-${session}`, isFateful } });
  }

  #askOf({ agent, question }: Asked): void {
    this.#asked.set(question.turn, question);
    this.crew.ask(agent, question);
  }

  #next(): number {
    this.#turn += 1;
    return this.#turn;
  }

  #isFateful(agent: AgentName): boolean {
    if (agent !== SLEEPER || this.#turn < BETWEEN_FATES || (this.#fate !== undefined && !this.#fate.isOver))
      return false;
    if (Math.random() > 3 / BETWEEN_FATES) return false;
    this.#fate = new Fate(this.crew, (line) => {
      this.live.say(line);
      print(`  ${colours.yellow("●")} ${line}`);
    });
    return true;
  }
}
