import { inspect } from "node:util";
import type { Granted } from "../contract/backend.ts";
import { asBackendError, LockLostError, type LostReason } from "../contract/errors.ts";
import { showKeys } from "../contract/key.ts";
import type { LockMode } from "../contract/mode.ts";
import { tell } from "./events.ts";
import type { Kept, Loss } from "./kept.ts";
import type { Lease, ReleaseResult } from "./lease.ts";
import type { LeaseContext } from "./lease-context.ts";
import { checkTicketOptions, type LeaseTerms } from "./options.ts";
import { Release } from "./release.ts";
import { Renewal } from "./renewal.ts";
import type { Successors } from "./successors.ts";
import { type LeaseTicket, type TicketOptions, writeTicket } from "./ticket.ts";
import type { TrackedRequest } from "./tracked-request.ts";

type State =
  | { readonly name: "held" }
  | { readonly name: "lost"; readonly error: LockLostError }
  | { readonly name: "released"; readonly done: Promise<ReleaseResult> }
  | { readonly name: "handedOver" };

const HELD: State = { name: "held" };
const HANDED_OVER: State = { name: "handedOver" };

/** A lease as its holder has it: held, until it is released, lost or handed over. */
export class HeldLease implements Lease, Kept {
  readonly fencingToken: number;
  readonly slot: number | undefined;
  #state: State = HELD;
  readonly #renewal: Renewal;
  #abort: AbortController | undefined;
  /** From the first release on. */
  #freeing: Release | undefined;

  constructor(
    readonly context: LeaseContext,
    readonly held: TrackedRequest,
    granted: Granted,
    readonly terms: LeaseTerms,
    readonly successors?: Successors,
  ) {
    this.fencingToken = granted.fencingToken;
    this.slot = granted.slot;
    this.#renewal = successors?.keep(this, granted) ?? new Renewal(context, granted, this);
  }

  get keys(): TrackedRequest["keys"] {
    return this.held.keys;
  }

  get mode(): LockMode {
    return this.held.mode;
  }

  get token(): string {
    return this.held.token;
  }

  get isHeld(): boolean {
    return this.#state === HELD;
  }

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.#state.name === "lost") this.#abort.abort(this.#state.error);
    }
    return this.#abort.signal;
  }

  get validFor(): number {
    return this.isHeld ? Math.max(0, this.#renewal.left(this.context.backend.clock.now())) : 0;
  }

  assertHeld(): void {
    if (this.isHeld && this.validFor === 0) this.#renewal.end();
    if (this.#state.name === "lost") throw this.#state.error;
    if (this.#state.name === "released") throw this.#over("it was released");
    if (this.#state.name === "handedOver") throw this.#over("it was handed over by a ticket");
  }

  async extend(ttl: number = this.#renewal.ttl): Promise<void> {
    this.context.checkTtl(ttl);
    this.assertHeld();
    await this.#renewal.extendTo(ttl);
    this.assertHeld();
  }

  release(): Promise<ReleaseResult> {
    if (this.#state.name === "released" && !this.#freeing?.hasFailed) return this.#state.done;
    if (this.#state.name === "lost") return Promise.resolve("expired");
    if (this.#state.name === "handedOver") return Promise.resolve("handedOver");
    if (this.successors?.areWaiting) return this.#passOn(this.successors);
    this.#freeing ??= this.#newRelease();
    const done = this.#freeing.run();
    this.#end({ name: "released", done });
    return done;
  }

  /** Releases it to the next of this process: the server need not know. */
  #passOn(successors: Successors): Promise<ReleaseResult> {
    const { context, fencingToken, held } = this;
    const now = context.backend.clock.now();
    if (this.#renewal.left(now) <= 0) {
      this.#renewal.end();
      return Promise.resolve("expired");
    }
    const heldFor = this.#renewal.time.heldFor(now);
    let tell: (result: ReleaseResult) => void = () => undefined;
    const done = new Promise<ReleaseResult>((resolve) => {
      tell = resolve;
    });
    this.#state = { name: "released", done };
    successors.next(now, (outcome) => {
      const { events } = context;
      if (events.hears("released")) events.emit("released", held, { fencingToken, outcome, held: heldFor });
      tell(outcome === "released" ? "released" : "expired");
    });
    return done;
  }

  toTicket(options: TicketOptions = {}): LeaseTicket {
    checkTicketOptions(options);
    this.assertHeld();
    const { backend, events } = this.context;
    const { fencingToken, held, slot, terms } = this;
    const now = backend.clock.now();
    const proof = this.letGo();
    events.emit("handedOver", held, { fencingToken, held: this.#renewal.time.heldFor(now) });
    const { prefix, keys, token, meta } = held;
    const mode = held.mode.kind === "permits" && slot !== undefined ? { ...held.mode, slot } : held.mode;
    return writeTicket({
      prefix,
      keys,
      token,
      mode,
      fencingToken,
      meta,
      context: options.context,
      proof,
      ttl: this.#renewal.ttl,
      renew: terms.renew,
      minHold: Math.max(0, Math.ceil(this.#renewal.time.minHoldLeft(now))),
      maxHold: Number.isFinite(terms.maxHold) ? this.#renewal.time.clipped(terms.maxHold, now) : undefined,
    });
  }

  /** Becomes inert without freeing anything; returns what the next owner needs beside the token. */
  letGo(): string {
    this.#end(HANDED_OVER);
    this.successors?.end();
    return this.context.backend.handOff?.(this.held) ?? "";
  }

  lose(reason: LostReason, { because, fault, mayStand }: Loss): void {
    const why = because === undefined ? { cause: reason === "unreachable" ? fault : undefined } : { because };
    const error = new LockLostError(this.#key, reason, why);
    this.#end({ name: "lost", error });
    this.#abort?.abort(error);
    if (this.terms.onLost !== undefined) tell(this.terms.onLost, error);
    const { context, fencingToken, held } = this;
    const { backend, events } = context;
    const heldFor = this.#renewal.time.heldFor(backend.clock.now());
    events.emit("lost", held, { fencingToken, reason, held: heldFor });
    // Before the key is freed: else it would go past them.
    this.successors?.end();
    // Do not let others wait for what may not be believed any more.
    const free = () => this.#newRelease().free(backend.clock.now());
    if (mayStand) context.undo(held, this.successors?.afterEnd(free) ?? free());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.release();
    } catch (error) {
      // Throwing here would mask what the block returned or threw; the ttl ends the lease.
      this.context.events.emit("backendError", this.held, {
        operation: "release",
        error: asBackendError(error, this.#key),
      });
    }
  }

  /** What logs and JSON show: not the owner token, which would let its reader act as the owner. */
  toJSON() {
    const { keys, slot, fencingToken, validFor } = this;
    return { keys, ...(slot === undefined ? {} : { slot }), fencingToken, validFor, state: this.#state.name };
  }

  [inspect.custom]() {
    return this.toJSON();
  }

  /** The keys as messages and events show them. */
  get #key(): string {
    return showKeys(this.keys);
  }

  #over(because: string): LockLostError {
    return new LockLostError(this.#key, "expired", { because });
  }

  #newRelease(): Release {
    return new Release(this.context, this.held, this.fencingToken, this.#renewal, this.successors);
  }

  #end(state: State): void {
    this.#state = state;
    this.#renewal.stop();
  }
}
