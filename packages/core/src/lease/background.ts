import type { AcquireRequest, LockBackend, Votes } from "../contract/backend.ts";
import { ClosedClientWarning } from "../contract/closed-client.ts";
import { asBackendError } from "../contract/errors.ts";
import { showKeys } from "../contract/key.ts";
import { retry } from "../contract/retry.ts";
import { Stop } from "../contract/stop.ts";
import type { Events, Tracked } from "./events.ts";
import type { TrackedRequest } from "./tracked-request.ts";
import type { UnderWay } from "./under-way.ts";

/** A request is cancelled again and again for this long, ms. */
const CANCEL_LIMIT = 60_000;

/** Work that no caller waits for; `close` does. */
export class Background {
  /** Ends what is tried again and again. */
  readonly stop = new Stop();
  readonly #closedClient = new ClosedClientWarning();

  constructor(
    private readonly backend: LockBackend,
    private readonly events: Events,
    private readonly underWay: UnderWay,
    private readonly isClosed: () => boolean,
  ) {}

  /** A release that no caller waits for. */
  undo(subject: Tracked, releasing: Promise<unknown>): void {
    this.underWay.watch(releasing.catch((error) => this.#tellFault(subject, "release", error)));
  }

  /**
   * A request that is not cancelled would keep those behind it waiting for as long as this process lives: so it is
   * tried again, whatever the server says.
   */
  cancel(request: AcquireRequest, unanswered: boolean, subject: Tracked): void {
    const key = showKeys(request.keys);
    let isTold = false;
    const cancel = async () => {
      try {
        await this.backend.cancel(request, unanswered);
      } catch (fault) {
        this.faulted(fault);
        if (!isTold) this.#tellFault(subject, "cancel", fault);
        isTold = true;
        throw fault;
      }
    };
    const isOver = (waited: number) => waited > CANCEL_LIMIT;
    const limit = { key, keepAlive: false, isOver, anyFault: true, stop: this.stop };
    this.underWay.watch(retry(this.backend.clock, limit, cancel));
  }

  /** Tells how the nodes of a quorum voted. */
  tellVotes(request: TrackedRequest, votes: Votes): void {
    if (!this.events.hears("voted")) return;
    this.underWay.watch(votes().then((told) => this.events.emit("voted", request, { votes: told })));
  }

  /** A fault of what is tried again. */
  faulted(fault: unknown): void {
    if (this.isClosed()) this.#closedClient.hear(fault);
  }

  #tellFault(subject: Tracked, operation: "cancel" | "release", fault: unknown): void {
    const error = asBackendError(fault, showKeys(subject.keys));
    this.events.emit("backendError", subject, { operation, error });
  }
}
