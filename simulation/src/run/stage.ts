import { createLocks, type Locks, type LocksWithoutPermits } from "@lock/core";
import { quorumBackend } from "@lock/core/quorum";
import { RedisBackend } from "@lock/core/testing";
import type { Vm } from "../lua/vm.ts";
import { Client } from "../network/client.ts";
import { Site } from "../network/site.ts";
import type { Story } from "../story/story.ts";
import type { SimulatedProcess } from "../world/process.ts";
import { World } from "../world/world.ts";

/** What a quorum's processes agree on: longer than any ttl of a story. */
export const MAX_TTL = 4_000;

/** All waiting is over so long after the last fault, ms. */
export const SETTLING = 60_000;

/** One process of a story: its clients, one for each server, and its locks. */
export interface Player {
  readonly process: SimulatedProcess;
  readonly clients: readonly Client[];
  readonly locks: LocksWithoutPermits & Partial<Pick<Locks, "semaphore" | "pool">>;
  isClosed: boolean;
}

/** Where a story happens. */
export interface Stage {
  readonly world: World;
  readonly sites: readonly Site[];
  readonly players: readonly Player[];
}

export function setStage(story: Story, vm: Vm): Stage {
  const world = new World(story.seed);
  const sites = story.servers.map((clock, index) => new Site(`server ${index + 1}`, world, vm, clock));
  // What is published there is heard by nobody.
  const elsewhere = new Site("another node", world, vm, { rate: 1, offset: 0 });
  const players = story.processes.map((cast, place) => {
    const process = world.addProcess(`process ${place + 1}`, cast.clock);
    const clients = sites.map((site, index) => {
      const random = world.stream(1_000 + place * 10 + index);
      const messages = () => (cast.isDeaf ? elsewhere : site);
      const ends = { commands: () => site, messages };
      return new Client(world, process, ends, story.weather, random, cast.retries);
    });
    return world.within(process, () => ({
      process,
      clients,
      locks: openLocks(story, process, clients),
      isClosed: false,
    }));
  });
  return { world, sites, players };
}

function openLocks(
  { topology, minReplicas }: Story,
  clock: SimulatedProcess,
  clients: readonly Client[],
): Player["locks"] {
  const backends = clients.map(
    ({ driver }) => new RedisBackend(driver, { clock, requestTimeout: 500, minReplicas }),
  );
  const holder = clock.name;
  const [first] = backends;
  if (first === undefined) throw new Error("a story needs a server");
  if (topology === "single") return createLocks({ backend: first, holder });
  const backend = quorumBackend(backends, { maxTtl: MAX_TTL, nodeTimeout: 100 });
  return createLocks({ backend, holder, ttl: MAX_TTL / 2 });
}
