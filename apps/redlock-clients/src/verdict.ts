import type { History, Hold } from "./history.ts";
import { MAJORITY, NODES, nameOf } from "./messages.ts";
import type { Options } from "./options.ts";
import type { Outage } from "./outage.ts";

export type Expected = Pick<Options, "clients" | "turns" | "kill">;

/** Judges what happened by nothing but what clients and nodes told, and when nodes were killed. What is wrong, in words. */
export function judge(
  history: History,
  outage: Pick<Outage, "killed" | "returned">,
  expected: Expected,
): string[] {
  const holds = history.holds.toSorted((a, b) => a.from - b.from);
  const checks = [
    ...overlaps(holds),
    shrinking(holds),
    ...minorities(holds, history),
    ...undone(history, expected),
    ...(expected.kill === 0 ? [] : afterKill(holds, history, outage, expected.kill)),
  ];
  return checks.filter((found) => found !== undefined);
}

function overlaps(holds: readonly Hold[]): string[] {
  const problems: string[] = [];
  let longest: Hold | undefined;
  for (const hold of holds) {
    if (longest !== undefined && hold.from < longest.until) {
      problems.push(`${longest.client} and ${hold.client} both believed that they had the lock`);
    }
    if (longest === undefined || hold.until > longest.until) longest = hold;
  }
  return problems;
}

function shrinking(holds: readonly Hold[]): string | undefined {
  const wrong = holds.slice(1).filter(({ fence }, index) => fence <= (holds[index]?.fence ?? 0)).length;
  return wrong === 0 ? undefined : `fencing tokens that did not grow: ${wrong}`;
}

/** Each lease must have been granted with its fencing token by a majority of the nodes. */
function minorities(holds: readonly Hold[], history: History): string[] {
  return holds.flatMap(({ client, lease, fence }) => {
    const votes = [...history.ballot(lease).votes.values()];
    const granted = votes.filter((vote) => vote.answer === "granted" && vote.fence === fence).length;
    return granted >= MAJORITY ? [] : [`${client} had a lease that only ${granted} nodes had granted`];
  });
}

function undone(history: History, { clients, turns }: Expected): string[] {
  return Array.from({ length: clients }, (_, index) => nameOf(index + 1)).flatMap((client) => {
    const done = history.done(client);
    return done === turns ? [] : [`${client} did its work ${done} times instead of ${turns}`];
  });
}

function afterKill(
  holds: readonly Hold[],
  history: History,
  { killed, returned }: Pick<Outage, "killed" | "returned">,
  kill: number,
): (string | undefined)[] {
  if (killed === undefined) return ["no node was killed"];
  const granted = holds.filter((hold) => hold.asked > killed.at);
  if (kill === 2) return [granted.length > 0 ? undefined : "nothing was granted after two nodes were killed"];
  if (returned === undefined) return ["no node returned"];
  const early = granted.filter((hold) => hold.from < returned.at).length;
  const late = granted.filter((hold) => hold.from > returned.at).length;
  return [
    early === 0 ? undefined : `granted without a majority: ${early} leases`,
    late > 0 ? undefined : "nothing was granted after a node had returned",
    refusals(history),
  ];
}

function refusals({ refusals }: History): string | undefined {
  if (refusals.length === 0) return "nobody was refused while three nodes were away";
  const unclear = refusals.filter(({ votes }) => {
    return votes.length !== NODES || votes.filter(({ vote }) => vote === "granted").length >= MAJORITY;
  });
  return unclear.length === 0 ? undefined : `refusals that do not tell why: ${unclear.length}`;
}
