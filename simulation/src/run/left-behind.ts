import type { Stage } from "./stage.ts";

/** What is left when all locks are closed, and all that ends by itself has ended. */
export function leftBehind({ sites, players }: Stage): string[] {
  const left: string[] = [];
  for (const { name, server, subscriptions, now } of sites) {
    server.keys.now = now / 1_000;
    // A member of a quorum knows that for good.
    const keys = server.keys.keys().filter((key) => !key.endsWith(":quorum"));
    if (keys.length > 0) left.push(`${name} still has the keys ${keys.join(", ")}`);
    if (subscriptions > 0) left.push(`${name} still has ${subscriptions} subscriptions`);
  }
  for (const { process } of players) {
    if (!process.isDead && process.pendingTimers > 0) {
      left.push(`${process.name} still has ${process.pendingTimers} timers`);
    }
  }
  return left;
}
