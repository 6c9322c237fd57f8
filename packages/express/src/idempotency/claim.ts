import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { withoutSecrets } from "@lock/core/adapter";
import type { Response } from "express";
import { fault } from "../faults.ts";
import { isRefusal } from "../refusal.ts";
import { warn } from "../warn.ts";
import { within } from "../within.ts";
import { Capture } from "./capture.ts";
import { type IdempotentOptions, KEEP_FOR } from "./options.ts";
import { fromText, type Outcome, type Recorded, toText } from "./record.ts";

const MEGABYTE = 1_048_576;
const WRITE_ATTEMPTS = 5;
const WRITE_PAUSE = 100;

/** How long a request waits for the records, ms. */
const READ_LIMIT = 5_000;

/** How long a key stays locked while its answer is stored, ms: a retry asks the same records first. */
const WRITE_LIMIT = 1_000;

/** Answers of work that was not done: a retry may do it. */
const TRY_AGAIN = [408, 425, 429];

type ClaimOptions = Pick<
  IdempotentOptions<never>,
  "records" | "keepFor" | "maxBody" | "keepServerErrors" | "onAbandoned"
>;

/** The work for one key: what the records say of it, from the first look to the answer. */
export class Claim {
  #capture: Capture | undefined;
  #res: Response | undefined;
  /** The record that says that it has begun, where there is to be one. */
  readonly #begun: string | undefined;

  constructor(
    private readonly options: ClaimOptions,
    private readonly id: string,
    private readonly fingerprint: string,
  ) {
    if (options.onAbandoned === "refuse") {
      this.#begun = toText({ fingerprint, kind: "begun", run: randomUUID() });
    }
  }

  get hasBegun(): boolean {
    return this.#capture !== undefined;
  }

  /** @throws Error with status 503 where that cannot be told */
  async read(): Promise<Recorded | undefined> {
    const text = await this.#readText();
    return text == null ? undefined : fromText(text);
  }

  /**
   * Begins the work, under the lock. What was recorded between the first look and the lock is returned; then the work is
   * not to be done. @throws Error with status 503 where that cannot be told
   */
  async begin(res: Response): Promise<Recorded | undefined> {
    this.#res = res;
    const { records } = this.options;
    if (this.#begun !== undefined) await asked(records.write(this.id, this.#begun, this.#keepFor));
    const text = await this.#readText();
    if (text != null && text !== this.#begun) return fromText(text);
    this.#capture = new Capture(res, this.options.maxBody ?? MEGABYTE);
    return undefined;
  }

  /** The work has ended: keeps its answer. Never rejects; an answer that cannot be kept is told. */
  async end(): Promise<void> {
    const outcome = await this.#outcome();
    // Without a record that it has begun, there is nothing to take back.
    if (outcome === undefined && this.#begun === undefined) return;
    const storing = this.#store(outcome).catch((error) => notKept(withoutSecrets(error).message));
    const inTime = await within(WRITE_LIMIT, storing);
    if (inTime === undefined) notKept(`the records did not answer within ${WRITE_LIMIT} ms`);
  }

  get #keepFor(): number {
    return this.options.keepFor ?? KEEP_FOR;
  }

  async #readText(): Promise<string | null> {
    return asked(this.options.records.read(this.id));
  }

  /** Undefined where a retry may do the work again. */
  async #outcome(): Promise<Outcome | undefined> {
    const { keepServerErrors = false } = this.options;
    const status = this.#capture?.status;
    if (status === undefined || this.#res === undefined || isRefusal(this.#res)) return undefined;
    if (TRY_AGAIN.includes(status) || (status >= 500 && !keepServerErrors)) return undefined;
    return this.#capture?.outcome();
  }

  /** The first answer counts. A fault is tried again. @throws the last one */
  async #store(outcome: Outcome | undefined): Promise<void> {
    const record = outcome === undefined ? null : toText({ fingerprint: this.fingerprint, ...outcome });
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#storeOnce(record);
      } catch (error) {
        if (attempt >= WRITE_ATTEMPTS) throw error;
        await pause(WRITE_PAUSE * attempt);
      }
    }
  }

  async #storeOnce(record: string | null): Promise<void> {
    const { records } = this.options;
    if (this.#begun !== undefined) {
      if (await records.replace?.(this.id, this.#begun, record, this.#keepFor)) return;
    }
    if (record !== null) await records.write(this.id, record, this.#keepFor);
  }
}

/** What the records answer. @throws Error with status 503 where they fail, or say nothing */
async function asked<T>(asking: Promise<T>): Promise<T> {
  const answered = await within(READ_LIMIT, asking).catch((error) => {
    throw fault(withoutSecrets(error), 503);
  });
  if (answered !== undefined) return answered.result;
  throw fault(new Error(`the records did not answer within ${READ_LIMIT} ms`), 503);
}

function notKept(reason: string): void {
  warn("IDEMPOTENCY_NOT_KEPT", `an answer could not be kept: ${reason}`, { once: false });
}
