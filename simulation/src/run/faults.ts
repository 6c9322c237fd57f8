import type { Client } from "../network/client.ts";
import type { Site } from "../network/site.ts";
import { Keyspace } from "../redis/keyspace.ts";
import type { Fault } from "../story/story.ts";
import type { Player, Stage } from "./stage.ts";

type Kind = Fault["kind"];
type FaultOf<Name extends Kind> = Extract<Fault, { kind: Name }>;

/** What a fault strikes. */
interface Target {
  readonly stage: Stage;
  readonly site: Site;
  readonly player: Player;
  /** Of that process, to that server. */
  readonly client: Client | undefined;
}

type Strikes = { readonly [Name in Kind]: (fault: FaultOf<Name>, target: Target) => void };

const STRIKES: Strikes = {
  pause: ({ ms }, { player }) => player.process.pause(ms),
  suspend: ({ ms }, { player }) => player.process.suspend(ms),
  kill(_, { player }) {
    player.process.kill();
    for (const client of player.clients) client.kill();
  },
  stepProcessClock: ({ ms }, { player }) => player.process.stepWall(ms),
  cut: (_, { client }) => client?.wire?.drop(),
  halfOpen({ ms }, { client }) {
    client?.wire?.goHalfOpen(ms);
    for (const wire of client?.subscribers ?? []) wire.goHalfOpen(ms);
  },
  cutSubscriber(_, { client }) {
    for (const wire of client?.subscribers ?? []) wire.drop();
  },
  loseMessages({ ms }, { stage, site }) {
    site.copies(0);
    stage.world.timeline.after(ms, () => site.copies(1));
  },
  repeatMessages({ ms }, { stage, site }) {
    site.copies(2);
    stage.world.timeline.after(ms, () => site.copies(1));
  },
  crash: ({ ms, keepsData }, { site }) => site.crash(ms, (keys) => (keepsData ? keys : new Keyspace())),
  failover({ ms, lag }, { stage, site }) {
    const before = site.server.keys.copy();
    // Nobody promotes a replica that has heard more than another one.
    site.loseReplicas(lag + ms);
    stage.world.timeline.after(lag, () => site.crash(ms, () => before));
  },
  stepServerClock: ({ ms }, { site }) => site.stepClock(ms),
  trouble({ ms, what }, { stage, site }) {
    site.server.trouble = what;
    stage.world.timeline.after(ms, () => {
      site.server.trouble = undefined;
    });
  },
  forgeMessages: (_, { site }) => site.forge(),
  loseReplicas: ({ ms }, { site }) => site.loseReplicas(ms),
  forgetScripts: (_, { site }) => site.server.forgetScripts(),
  forbidPublish({ ms }, { stage, site }) {
    site.server.forbidden.add("PUBLISH");
    stage.world.timeline.after(ms, () => site.server.forbidden.delete("PUBLISH"));
  },
};

/** Has a fault happen now. */
export function strike(fault: Fault, stage: Stage): void {
  const site = stage.sites["server" in fault ? fault.server : 0];
  const player = stage.players["process" in fault ? fault.process : 0];
  if (site === undefined || player === undefined) return;
  const client = "server" in fault ? player.clients[fault.server] : undefined;
  const run = STRIKES[fault.kind] as (fault: Fault, target: Target) => void;
  run(fault, { stage, site, player, client });
}

/** Whether promise 1 does not hold any more: a single server has lost what it knew, or its clock was set. */
export function breaksExclusion(fault: Fault, servers: number): boolean {
  const isLoss = fault.kind === "failover" || (fault.kind === "crash" && !fault.keepsData);
  return servers === 1 && (isLoss || fault.kind === "stepServerClock");
}
