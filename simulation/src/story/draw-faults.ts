import type { Random } from "../world/random.ts";
import type { Fault } from "./story.ts";

interface FaultTerms {
  readonly topology: "single" | "quorum";
  readonly unsafe: boolean;
  readonly processes: number;
  readonly servers: number;
  /** Faults come together: each follows one of these moments, ms. */
  readonly moments: readonly [number, ...number[]];
}

type Draw = (random: Random, terms: FaultTerms) => Fault;

const when = (random: Random, { moments }: FaultTerms) => random.pick(moments) + random.skewed(0.1, 300);
const who = (random: Random, { processes }: FaultTerms) => random.integer(0, processes - 1);
const where = (random: Random, { servers }: FaultTerms) => random.integer(0, servers - 1);

/** What may happen without breaking a promise. */
const HARMLESS: readonly [Draw, ...Draw[]] = [
  (random, terms) => ({
    kind: "pause",
    at: when(random, terms),
    process: who(random, terms),
    ms: random.skewed(1, 4_000),
  }),
  (random, terms) => ({
    kind: "pause",
    at: when(random, terms),
    process: who(random, terms),
    ms: random.skewed(0.2, 30),
  }),
  (random, terms) => ({
    kind: "suspend",
    at: when(random, terms),
    process: who(random, terms),
    ms: random.skewed(50, 4_000),
  }),
  (random, terms) => ({ kind: "kill", at: when(random, terms), process: who(random, terms) }),
  (random, terms) => ({
    kind: "stepProcessClock",
    at: when(random, terms),
    process: who(random, terms),
    ms: random.pick([-1, 1]) * random.skewed(10, 3_600_000),
  }),
  (random, terms) => ({
    kind: "cut",
    at: when(random, terms),
    process: who(random, terms),
    server: where(random, terms),
  }),
  (random, terms) => ({
    kind: "halfOpen",
    at: when(random, terms),
    process: who(random, terms),
    server: where(random, terms),
    ms: random.skewed(50, 5_000),
  }),
  (random, terms) => ({
    kind: "cutSubscriber",
    at: when(random, terms),
    process: who(random, terms),
    server: where(random, terms),
  }),
  (random, terms) => ({
    kind: "loseMessages",
    at: when(random, terms),
    server: where(random, terms),
    ms: random.skewed(20, 2_000),
  }),
  (random, terms) => ({
    kind: "repeatMessages",
    at: when(random, terms),
    server: where(random, terms),
    ms: random.skewed(20, 2_000),
  }),
  (random, terms) => ({
    kind: "crash",
    at: when(random, terms),
    server: where(random, terms),
    ms: random.skewed(5, 1_500),
    keepsData: true,
  }),
  (random, terms) => ({
    kind: "trouble",
    at: when(random, terms),
    server: where(random, terms),
    ms: random.skewed(5, 500),
    what: random.pick(["oom", "readonly"]),
  }),
  (random, terms) => ({ kind: "forgetScripts", at: when(random, terms), server: where(random, terms) }),
  (random, terms) => ({
    kind: "forbidPublish",
    at: when(random, terms),
    server: where(random, terms),
    ms: random.skewed(20, 2_000),
  }),
];

/** What a single server must not do to keep promise 1; one node of a quorum may. */
const HARMFUL: readonly [Draw, ...Draw[]] = [
  (random, terms) => ({
    kind: "crash",
    at: when(random, terms),
    server: where(random, terms),
    ms: random.skewed(5, 1_500),
    keepsData: false,
  }),
  (random, terms) => ({
    kind: "stepServerClock",
    at: when(random, terms),
    server: where(random, terms),
    ms: random.pick([-1, 1]) * random.skewed(1, 600_000),
  }),
];

/** A node of a quorum must have no replica. */
const FAILOVER: Draw = (random, terms) => ({
  kind: "failover",
  at: when(random, terms),
  server: where(random, terms),
  ms: random.skewed(5, 1_500),
  lag: random.skewed(1, 500),
});

export function drawFaults(
  random: Random,
  { span, ...options }: Omit<FaultTerms, "moments"> & { readonly span: number },
): readonly Fault[] {
  const moments = Array.from({ length: random.integer(1, 4) }, () => random.between(0, span));
  const terms: FaultTerms = { ...options, moments: [random.between(0, span), ...moments] };
  const count = random.chance(0.15) ? 0 : random.integer(2, 10);
  const faults = Array.from({ length: count }, () => random.pick(HARMLESS)(random, terms));
  if (terms.unsafe) {
    const draws: readonly [Draw, ...Draw[]] = [FAILOVER, ...HARMFUL];
    faults.push(...Array.from({ length: random.integer(1, 2) }, () => random.pick(draws)(random, terms)));
  } else if (terms.topology === "quorum" && random.chance(0.4)) {
    // One node of three.
    const fault = random.pick(HARMFUL)(random, { ...terms, servers: 1 });
    faults.push(fault);
  }
  // Where a machine is suspended and its wall clock is set back, no clock of it has seen the time pass.
  const setBack = new Set(
    faults.flatMap((fault) => (fault.kind === "stepProcessClock" && fault.ms < 0 ? [fault.process] : [])),
  );
  // Somebody has to be left who works.
  const killed = new Set<number>();
  return faults
    .filter((fault) => {
      if (fault.kind === "suspend") return !setBack.has(fault.process);
      if (fault.kind !== "kill") return true;
      killed.add(fault.process);
      return killed.size < terms.processes;
    })
    .sort((a, b) => a.at - b.at);
}
