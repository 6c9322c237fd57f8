import type { Retries } from "../network/client.ts";
import { Random } from "../world/random.ts";
import { drawFaults } from "./draw-faults.ts";
import type { Cast, Fault, HoldOperation, Operation, Story, WantedMode } from "./story.ts";

/** What stories are drawn for. */
export interface DrawOptions {
  readonly topology: Story["topology"];
  /**
   * Whether servers may lose data, or have clocks that are set: then two may be let in (promise 2), and the rest must still
   * hold.
   */
  readonly unsafe: boolean;
}

/** How long operations begin, ms. */
const SPAN = 3_000;
const RETRIES: readonly [Retries, ...Retries[]] = ["resends", "rejects", "refuses"];

/** The story of a seed. */
export function drawStory(seed: number, options: DrawOptions): Story {
  const story = withCrowds(drawPlainStory(seed, options));
  // By a chance of its own: what is added here changes no other story.
  const random = new Random(seed, 2);
  const minReplicas = options.topology === "single" && random.chance(0.08) ? 1 : 0;
  const faults = [
    ...story.faults.flatMap((fault) => drawWorse(random, fault, story)),
    ...drawForgeries(random, story),
    ...drawLostReplicas(random, minReplicas),
    ...drawLateNode(random, story),
  ];
  return { ...story, minReplicas, faults: faults.sort((a, b) => a.at - b.at) };
}

/** Some processes want a key several times at about the same moment, so that waiters share a position. */
function withCrowds(story: Story): Story {
  const random = new Random(story.seed, 3);
  const alone = story.operations.filter(
    (operation) =>
      operation.kind === "hold" && operation.mode.kind === "exclusive" && operation.keys.length === 1,
  );
  const [one, ...others] = alone;
  if (one === undefined || !random.chance(0.5)) return story;
  const crowds = Array.from({ length: random.integer(1, 6) }, () =>
    drawCrowd(random, random.pick([one, ...others])),
  );
  const operations = [...story.operations, ...crowds.flat()];
  return { ...story, operations: operations.sort((a, b) => a.at - b.at) };
}

/** Those who come when another one does, or shortly after. */
function drawCrowd(random: Random, first: Operation): readonly Operation[] {
  if (first.kind !== "hold") return [];
  return Array.from({ length: random.integer(1, 8) }, () => ({
    ...first,
    at: first.at + (random.chance(0.4) ? 0 : random.skewed(0.1, 45)),
    wait: drawWait(random),
    hold: random.chance(0.1) ? random.between(20, 700) : random.skewed(0.1, 40),
    minHold: 0,
    maxHold: random.chance(0.04) ? random.integer(50, 400) : undefined,
    renew: !random.chance(0.04),
    abortAfter: random.chance(0.15) ? random.skewed(0.5, 300) : undefined,
    extendTo: random.chance(0.06) ? random.integer(300, 3_000) : undefined,
    ticketTo: random.chance(0.1) ? first.ticketTo : undefined,
  }));
}

/** Clocks are set far back, too, and who held a key then may never free it. */
function drawWorse(random: Random, fault: Fault, { processes, faults }: Story): readonly Fault[] {
  if (fault.kind !== "stepServerClock" || !random.chance(0.5)) return [fault];
  const step: Fault = { ...fault, ms: -random.between(60_000, 3_600_000) };
  const killed = faults.filter(({ kind }) => kind === "kill").length;
  if (killed + 2 > processes.length) return [step];
  const process = random.integer(0, processes.length - 1);
  return [step, { kind: "kill", at: fault.at + random.between(-20, 100), process }];
}

/** Anybody who may publish can send anything. */
function drawForgeries(random: Random, { servers, operations }: Story): readonly Fault[] {
  if (!random.chance(0.12)) return [];
  return Array.from({ length: random.integer(1, 4) }, () => ({
    kind: "forgeMessages" as const,
    at: random.pick([0, ...operations.map(({ at }) => at)]) + random.skewed(0.1, 300),
    server: random.integer(0, servers.length - 1),
  }));
}

function drawLostReplicas(random: Random, minReplicas: number): readonly Fault[] {
  if (minReplicas === 0 || random.chance(0.4)) return [];
  const ms = random.skewed(5, 1_500);
  return [{ kind: "loseReplicas", at: random.between(0, SPAN), server: 0, ms }];
}

/** One node is away as the quorum is founded, and another one loses its data later. */
function drawLateNode(random: Random, { servers, faults }: Story): readonly Fault[] {
  const losses = faults.filter((fault) => fault.kind === "crash" && !fault.keepsData);
  if (servers.length === 1 || losses.length !== 1 || !random.chance(0.4)) return [];
  const server = random.integer(1, servers.length - 1);
  return [{ kind: "crash", at: 0, server, ms: random.skewed(300, 3_000), keepsData: true }];
}

function drawPlainStory(seed: number, options: DrawOptions): Story {
  const random = new Random(seed, 1);
  const processes = Array.from({ length: random.integer(2, 4) }, () => drawCast(random, options));
  const servers = Array.from({ length: options.topology === "quorum" ? 3 : 1 }, () => drawClock(random, 200));
  const count = random.integer(40, 44);
  const targets = drawTargets(random, options);
  const operations = Array.from({ length: count }, () => drawOperation(random, processes.length, targets));
  operations.sort((a, b) => a.at - b.at);
  if (options.topology === "quorum" && random.chance(0.04)) {
    return rollingStory(seed, processes, servers, operations);
  }
  return {
    seed,
    topology: options.topology,
    processes,
    servers,
    weather: {
      delay: [0.1, random.skewed(0.5, 4)],
      slow: random.chance(0.6) ? 0 : random.between(0, 0.03),
      slowest: random.skewed(20, 600),
    },
    minReplicas: 0,
    operations,
    faults: drawFaults(random, {
      ...options,
      processes: processes.length,
      servers: servers.length,
      span: SPAN,
    }),
  };
}

function drawClock(random: Random, offset: number) {
  return { rate: 1 + random.between(-0.004, 0.004), offset: random.between(-offset, offset) };
}

function drawCast(random: Random, { topology }: DrawOptions): Cast {
  return {
    clock: drawClock(random, random.chance(0.1) ? 3_600_000 : 500),
    retries: random.pick(RETRIES),
    isDeaf: topology === "single" && random.chance(0.1),
  };
}

function drawOperation(random: Random, processes: number, targets: Targets): Operation {
  const at = random.between(0, SPAN);
  const process = random.integer(0, processes - 1);
  if (random.chance(0.015)) return { kind: "close", at: at + SPAN / 2, process };
  if (random.chance(0.02)) {
    const [key = "one"] = random.pick(targets)(random)[1];
    return { kind: "forceRelease", at, process, key };
  }
  return drawHold(random, at, process, processes, targets);
}

function drawHold(
  random: Random,
  at: number,
  process: number,
  processes: number,
  targets: Targets,
): HoldOperation {
  const [mode, keys] = random.pick(targets)(random);
  const maybe = <T>(probability: number, value: T): T | undefined =>
    random.chance(probability) ? value : undefined;
  return {
    kind: "hold",
    at,
    process,
    mode,
    keys,
    ttl: random.integer(300, 3_000),
    wait: drawWait(random),
    // Now and then so long that it has to be renewed.
    hold: random.chance(0.08) ? random.between(300, 2_500) : random.skewed(0.5, 200),
    minHold: maybe(0.05, random.integer(1, 200)) ?? 0,
    maxHold: maybe(0.05, random.integer(50, 400)),
    renew: !random.chance(0.1),
    abortAfter: maybe(0.06, random.skewed(0.5, 500)),
    extendTo: maybe(0.12, random.integer(300, 3_000)),
    ticketTo: maybe(0.06, random.integer(0, processes - 1)),
  };
}

function drawWait(random: Random): number | "forever" {
  if (random.chance(0.2)) return 0;
  return random.chance(0.5) ? "forever" : random.integer(50, 3_000);
}

type Target = (random: Random) => [WantedMode, readonly string[]];
type Targets = readonly [Target, ...Target[]];

const EXCLUSIVE = { kind: "exclusive" } as const;
const readOrWrite = (random: Random): WantedMode => ({ kind: random.chance(0.6) ? "read" : "write" });

/** Each key is used in one family of modes. */
const FAMILIES: readonly [Targets, ...Targets[]] = [
  [() => [EXCLUSIVE, ["one"]]],
  [
    (random) => [EXCLUSIVE, [random.pick(["one", "two"])]],
    (random) => [EXCLUSIVE, [random.pick(["one", "two"])]],
    () => [EXCLUSIVE, ["one", "two"]],
  ],
  [(random) => [readOrWrite(random), ["book"]]],
  [(random) => [readOrWrite(random), ["book"]], (random) => [readOrWrite(random), ["book", "page"]]],
];

/** A quorum has none of these. */
const WITH_PERMITS: readonly [Targets, ...Targets[]] = [
  [(random) => [{ kind: "permits", permits: random.chance(0.9) ? 2 : 3 }, ["few"]]],
  [
    (random) => {
      const slot = random.chance(0.7) ? "any" : random.integer(1, 2);
      return [{ kind: "slot", size: 2, slot }, ["slots"]];
    },
  ],
];

/** A story is about one family of keys, or about all of them. */
function drawTargets(random: Random, { topology }: DrawOptions): Targets {
  const families: readonly [Targets, ...Targets[]] =
    topology === "quorum" ? FAMILIES : [...FAMILIES, ...WITH_PERMITS];
  if (random.chance(0.6)) return random.pick(families);
  const [first, ...others] = families;
  return [...first, ...others.flat()];
}

/** Between two restarts of nodes so much is to pass: docs/guarantees.md, "Restarts", with the ttls and the `maxTtl` of stories. */
const BETWEEN_RESTARTS = 12_000;

/** The nodes of a quorum restart one after the other, without their data, while one lease is held all the time. */
function rollingStory(
  seed: number,
  processes: readonly Cast[],
  servers: Story["servers"],
  others: readonly Operation[],
): Story {
  const long: HoldOperation = {
    kind: "hold",
    at: 0,
    process: 0,
    mode: EXCLUSIVE,
    keys: ["long"],
    ttl: 1_500,
    wait: "forever",
    hold: servers.length * BETWEEN_RESTARTS,
    minHold: 0,
    maxHold: undefined,
    renew: true,
    abortAfter: undefined,
    extendTo: undefined,
    ticketTo: undefined,
  };
  // Process 0 must not close its locks.
  const quiet = others.map((other) =>
    other.kind === "hold" || other.process !== 0 ? other : { ...other, process: 1 },
  );
  return {
    seed,
    topology: "quorum",
    processes,
    servers,
    weather: { delay: [0.1, 2], slow: 0, slowest: 20 },
    minReplicas: 0,
    operations: [long, ...quiet],
    faults: servers.map((_, server) => ({
      kind: "crash",
      at: 2_000 + server * BETWEEN_RESTARTS,
      server,
      ms: 50,
      keepsData: false,
    })),
  };
}
