import type { Lease } from "@lock/core";
import { check } from "../check/index.ts";
import type { Vm } from "../lua/vm.ts";
import type { Fault, Story } from "../story/story.ts";
import { Actor, type Recorder } from "./actor.ts";
import { strike } from "./faults.ts";
import {
  type Attempt,
  type ForcedRelease,
  type History,
  type Line,
  nameOf,
  type Struck,
  type Violation,
} from "./history.ts";
import { leftBehind } from "./left-behind.ts";
import { type Player, SETTLING, type Stage, setStage } from "./stage.ts";

/** Faults last no longer than this, ms. */
const LONGEST_FAULT = 6_000;
/** Locks are closed in no time. */
const CLOSING = 10_000;
/** Nothing is on the servers after that: they keep the counters of fencing tokens for an hour, and their clocks were set. */
const FORGETTING = 12_000_000;
/** A forced release without an answer may be executed for so long, ms: `requestTimeout`, and clocks that run apart. */
const MAY_COME_LATE = 600;

/** What came of a story. */
export interface Result {
  readonly history: History;
  readonly violations: readonly Violation[];
  /** Where they were asked for. */
  readonly lines: readonly Line[];
}

/** Plays a story from its beginning to its end, and checks it. */
export async function play(story: Story, vm: Vm, keepsLines = false): Promise<Result> {
  const performance = new Performance(story, vm, keepsLines);
  const history = await performance.run();
  const violations = check(history);
  const told = violations.map(({ at, promise, text }) => ({
    at,
    who: "checker",
    what: `${promise}: ${text}`,
  }));
  const lines = keepsLines ? [...performance.lines, ...told].sort((a, b) => a.at - b.at) : [];
  return { history, violations, lines };
}

class Performance implements Recorder {
  readonly lines: Line[] = [];
  readonly #stage: Stage;
  readonly #attempts: Attempt[] = [];
  readonly #leases = new Map<Attempt, Lease>();
  readonly #forced: ForcedRelease[] = [];
  readonly #struck: Struck[] = [];
  readonly #killed = new Map<string, number>();
  readonly #unhandled: string[] = [];

  constructor(
    private readonly story: Story,
    vm: Vm,
    private readonly keepsLines: boolean,
  ) {
    this.#stage = setStage(story, vm);
  }

  async run(): Promise<History> {
    const { world, players } = this.#stage;
    const hear = (error: unknown) => void this.#unhandled.push(String(error));
    process.on("unhandledRejection", hear);
    let settledAt = 0;
    try {
      this.#schedule();
      const begun = [...this.story.operations, ...this.story.faults].map(({ at }) => at);
      await world.run(Math.max(0, ...begun) + LONGEST_FAULT + SETTLING);
      settledAt = world.timeline.now;
      for (const player of players) this.#close(player);
      await world.run(settledAt + CLOSING);
      await world.run(world.timeline.now + FORGETTING);
    } finally {
      process.off("unhandledRejection", hear);
    }
    return {
      story: this.story,
      attempts: this.#attempts,
      forced: this.#forced,
      pauses: world.processes.flatMap(({ name, pauses }) =>
        pauses.map((pause) => ({ process: name, ...pause })),
      ),
      killed: this.#killed,
      struck: this.#struck,
      left: leftBehind(this.#stage),
      warnings: world.warnings.map(({ text }) => text),
      unhandled: this.#unhandled,
      settledAt,
    };
  }

  #schedule(): void {
    const { world, players } = this.#stage;
    const actors = players.map((player) => new Actor(this.#stage, player, this));
    for (const actor of actors) actor.takers = actors;
    for (const [place, operation] of this.story.operations.entries()) {
      const actor = actors[operation.process];
      const player = players[operation.process];
      if (actor === undefined || player === undefined) continue;
      const work = async () => {
        if (player.isClosed) return;
        await (operation.kind === "hold" ? actor.hold(place, operation) : actor.other(operation));
      };
      world.timeline.at(operation.at, () => player.process.read(() => void work()));
    }
    for (const fault of this.story.faults) world.timeline.at(fault.at, () => this.#strike(fault));
  }

  #strike(fault: Fault): void {
    const at = this.#stage.world.timeline.now;
    const who = "process" in fault ? this.#stage.players[fault.process]?.process.name : undefined;
    const leases = [...this.#leases].filter(([attempt]) => who === undefined || attempt.process === who);
    const hitLease = leases.some(([, lease]) => lease.validFor > 0);
    this.#struck.push({ fault, at, hitLease });
    if (fault.kind === "kill" && who !== undefined && !this.#killed.has(who)) this.#killed.set(who, at);
    this.#line("world", JSON.stringify({ ...fault, at: undefined }));
    if (fault.kind === "stepServerClock") this.#noteBareMajorities(leases, fault.server, at);
    strike(fault, this.#stage);
    if (fault.kind === "stepProcessClock") this.#judgeAgain(leases, fault.process);
    // When it wakes up, its wall clock tells.
    if (fault.kind === "suspend") {
      this.#stage.world.timeline.after(fault.ms, () => this.#judgeAgain(leases, fault.process));
    }
  }

  /** A node whose clock is set may free what it has granted, which the votes of the others have to outweigh. */
  #noteBareMajorities(leases: readonly (readonly [Attempt, Lease])[], server: number, at: number): void {
    const { sites } = this.#stage;
    if (sites.length === 1) return;
    const others = sites.filter((_, index) => index !== server);
    for (const [attempt, { token }] of leases) {
      const votes = others.filter(({ server }) =>
        attempt.keys.every((key) => server.holds(key, token)),
      ).length;
      if (votes <= sites.length / 2) attempt.bareSince ??= at;
    }
    // Of what is not granted yet, nobody knows who has voted for it.
    for (const attempt of this.#attempts) if (attempt.endedAt === undefined) attempt.bareSince ??= at;
  }

  /** What a process believes depends on its wall clock, too. */
  #judgeAgain(leases: readonly (readonly [Attempt, Lease])[], place: number): void {
    const process = this.#stage.players[place]?.process;
    for (const [attempt, lease] of leases) {
      if (process === undefined || attempt.lostAt !== undefined) continue;
      const { validUntil = Number.POSITIVE_INFINITY } = attempt;
      attempt.validUntil = Math.min(validUntil, process.trueTimeIn(lease.validFor));
      attempt.isClockStepped = true;
    }
  }

  #close(player: Player): void {
    if (player.process.isDead) return;
    player.process.read(() => {
      this.closed(player);
      void player.locks.close().then(() => {
        for (const client of player.clients) client.close();
      });
    });
  }

  begun(attempt: Attempt): void {
    this.#attempts.push(attempt);
    this.#line(attempt.process, `${nameOf(attempt)} ${JSON.stringify(attempt.mode)} wait ${attempt.wait}`);
  }

  ended(attempt: Attempt, lease?: Lease): void {
    if (lease !== undefined) this.#leases.set(attempt, lease);
    const { end, fencingToken, error } = attempt;
    const what = end === "granted" ? `granted, fence ${fencingToken}` : `${end}: ${error}`;
    this.#line(attempt.process, `${nameOf(attempt)} ${what}`);
  }

  forced(player: Player, key: string): (isAnswered: boolean) => void {
    const { timeline } = this.#stage.world;
    this.#line(player.process.name, `takes ${key} by force`);
    const forced: ForcedRelease = { key, from: timeline.now, to: Number.POSITIVE_INFINITY };
    this.#forced.push(forced);
    return (isAnswered) => {
      forced.to = timeline.now + (isAnswered ? 0 : MAY_COME_LATE);
    };
  }

  closed(player: Player): void {
    this.#line(player.process.name, "closes its locks");
    player.isClosed = true;
    for (const attempt of this.#attempts) {
      if (attempt.process === player.process.name) attempt.closedAt ??= this.#stage.world.timeline.now;
    }
  }

  say(player: Player, what: string): void {
    this.#line(player.process.name, what);
  }

  #line(who: string, what: string): void {
    if (this.keepsLines) this.lines.push({ at: this.#stage.world.timeline.now, who, what });
  }
}
