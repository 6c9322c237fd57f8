import type { AcquireRequest } from "../contract/backend.ts";
import type { TicketContext } from "./ticket.ts";

/** A request that events can name. Backends do not look at what it has beside. */
export interface TrackedRequest extends AcquireRequest {
  /** As in `EventSubject`. */
  readonly id: number;
  /** Empty until it has a position: who joins another one's needs no token. */
  token: string;
  waiters?: number | undefined;
  /** Of an adopted lease: what its ticket carried. */
  readonly context?: TicketContext | undefined;
}
