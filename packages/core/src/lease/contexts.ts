import type { AcquireContext } from "./acquire-context.ts";
import type { SeveralPositions } from "./acquire-several.ts";
import { Alarms } from "./alarms.ts";
import type { Background } from "./background.ts";
import { Events } from "./events.ts";
import { tellFailure } from "./failures.ts";
import { HeldLease } from "./held-lease.ts";
import type { LeaseContext } from "./lease-context.ts";
import { type Joinable, Positions } from "./positions.ts";
import type { TrackedRequest } from "./tracked-request.ts";

/** What acquires and leases need from the locks that they belong to. */
export interface Contexts extends SeveralPositions {
  readonly lease: LeaseContext;
  /** Of one key. */
  readonly single: Positions;
}

/** What the locks themselves bring. */
interface Surroundings
  extends Pick<AcquireContext, "lease" | "crowd" | "isOpen" | "waits" | "settled" | "ended">,
    Pick<LeaseContext, "backend" | "events" | "underWay" | "alarms" | "checkTtl"> {
  readonly background: Background;
}

export function contextsOf({ background, checkTtl, ...of }: Surroundings): Contexts {
  const { backend, events, underWay, alarms } = of;
  const lease: LeaseContext = {
    backend,
    events,
    alarms,
    underWay,
    checkTtl,
    cancel: (held) => background.cancel(held, false, held),
    undo: (held, work) => background.undo(held, work),
    faulted: (fault) => background.faulted(fault),
  };
  /** Of which was told that others name another number of permits. */
  const mismatched = new WeakSet<TrackedRequest>();
  const single: AcquireContext = {
    backend,
    underWay,
    crowd: of.crowd,
    renewsTokens: true,
    lease: of.lease,
    isOpen: of.isOpen,
    waits: of.waits,
    settled: of.settled,
    ended: of.ended,
    failed: (...failure) => tellFailure(events, ...failure),
    contended: (request, holder) => events.emit("contended", request, { holder }),
    waiting: (request, holder) => events.emit("waiting", request, { holder }),
    voted: (request, votes) => background.tellVotes(request, votes),
    permitsDiffer: (request, others) => {
      if (mismatched.has(request)) return;
      mismatched.add(request);
      tellMismatch(events, request, others);
    },
    undo: (request, releasing) => background.undo(request, releasing),
    cancel: (request, unanswered) => background.cancel(request, unanswered, request),
  };
  const nothing = () => undefined;
  // What becomes of several keys is known when they were tried together and in order.
  const together = { ...single, waits: nothing, settled: nothing, ended: nothing, failed: nothing };
  // Nobody is told of the parts of a lease while the others are waited for.
  const quiet: LeaseContext = { ...lease, events: new Events(), alarms: new Alarms(backend.clock) };
  const part: AcquireContext = {
    ...together,
    renewsTokens: false,
    lease: (request, granted, _, terms) => new HeldLease(quiet, request, granted, terms),
  };
  const joinable: Joinable = new Map();
  return {
    lease,
    single: new Positions(single, joinable, true),
    together: new Positions(together, joinable, false),
    part: new Positions(part, joinable, false),
  };
}

function tellMismatch(events: Events, request: TrackedRequest, others: number): void {
  const { mode } = request;
  if (mode.kind === "permits") events.emit("permitsMismatch", request, { permits: mode.permits, others });
}
