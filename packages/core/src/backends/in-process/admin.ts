import type { Admin, BackendNode, HolderState, LockState, WaiterState } from "../../contract/admin.ts";
import type { AcquireRequest } from "../../contract/backend.ts";
import type { LockName } from "../../contract/mode.ts";
import type { Grant } from "./entry.ts";
import type { Store } from "./store.ts";

const TOKEN_SHOWN = 8;
const WAITERS_SHOWN = 100;
const HOLDERS_SHOWN = 1_000;

export class InProcessAdmin implements Admin {
  constructor(
    private readonly store: Store,
    /** Called with the owner token of each lease that was taken. */
    private readonly taken: (token: string) => unknown,
  ) {}

  async forceRelease(name: LockName, token = ""): Promise<boolean> {
    const entry = this.store.entry(name);
    const taken = [...entry.grants.keys()].filter((held) => held.startsWith(token));
    for (const held of taken) entry.grants.delete(held);
    this.store.serve(name, entry);
    for (const held of taken) this.taken(held);
    return taken.length > 0;
  }

  async inspect(name: LockName): Promise<LockState | null> {
    const entry = this.store.entry(name);
    this.store.tidy(name, entry);
    const grants = [...entry.grants.values()];
    const waiters = [...entry.waiters.values()].map(({ request }) => waiterState(request));
    const mode = grants[0]?.request.mode.kind ?? waiters[0]?.mode;
    if (mode === undefined) return null;
    return {
      key: name.key,
      mode,
      permits: entry.permits,
      holders: grants.slice(0, HOLDERS_SHOWN).map((grant) => holderState(grant, this.store.left(grant))),
      holding: grants.length,
      waiters: waiters.slice(0, WAITERS_SHOWN),
      waiting: waiters.reduce((sum, { count }) => sum + count, 0),
    };
  }

  async *list(prefix: string): AsyncIterable<LockState> {
    for (const id of this.store.ids()) {
      const key = id.slice(prefix.length + 1);
      const state = id.startsWith(`${prefix}/`) ? await this.inspect({ prefix, key }) : null;
      if (state !== null) yield state;
    }
  }

  nodes(): readonly BackendNode[] {
    return [{ name: "in-process", command: undefined }];
  }
}

function holderState({ request, fencingToken, grantedAt, slot }: Grant, remaining: number): HolderState {
  const { token, holder, meta = {} } = request;
  const since = new Date(grantedAt.wall);
  return { token: token.slice(0, TOKEN_SHOWN), holder, fencingToken, since, remaining, slot, meta };
}

function waiterState({ token, mode, holder, meta = {}, waiters: count = 1 }: AcquireRequest): WaiterState {
  const slot = mode.kind === "permits" ? mode.slot : undefined;
  return { token: token.slice(0, TOKEN_SHOWN), mode: mode.kind, slot, holder, meta, count };
}
