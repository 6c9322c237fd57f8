import { setTimeout as sleep } from "node:timers/promises";
import { Host, type HostOptions } from "./host.ts";
import { readLedger, STEPS, type Step } from "./ledger.ts";
import type { Options } from "./options.ts";
import { HOSTS, type HostName, Timeline } from "./story.ts";

const POLL_MS = 25;
const LONGEST_MS = 120_000;
const BUSY = 75;
const KILLED_BY_SIGNAL = 137;

/** Follows the ledger, and kills a lock run in the middle of the second report. */
export class Plot {
  readonly #timeline = new Timeline();
  #seen = 0;
  #finished = 0;
  #skipped = 0;
  killed: { readonly pid: number; readonly at: number } | undefined;

  constructor(
    private readonly options: Options,
    private readonly ledger: string,
  ) {}

  open(name: HostName, settings: Pick<HostOptions, "key" | "ledger" | "env">): Host {
    return new Host({ ...settings, name, onCode: (code) => this.#ended(name, code) });
  }

  async run(hosts: Readonly<Record<HostName, Host>>, stop: AbortSignal): Promise<void> {
    const until = performance.now() + LONGEST_MS;
    while (this.#finished < this.options.reports && performance.now() < until) {
      await sleep(POLL_MS, undefined, { signal: stop });
      const steps = await readLedger(this.ledger);
      for (const step of steps.slice(this.#seen)) this.#hear(step, hosts);
      this.#seen = steps.length;
    }
  }

  #hear({ host, pid, token, step, at }: Step, hosts: Readonly<Record<HostName, Host>>): void {
    const name = HOSTS.find((each) => each === host) ?? "host-1";
    if (step === 1) {
      this.#timeline.mark(name, "█");
      const after =
        this.killed && this.#isFirstSince(at) ? `, ${Math.round(at - this.killed.at)} ms after the kill` : "";
      this.#timeline.tell(name, `runs the report, token ${token}${after}`, at);
    }
    if (step === STEPS) this.#finished += 1;
    if (!this.options.kill || this.killed !== undefined || this.#finished !== 1 || step !== 3) return;
    hosts[name].killLockRun();
    this.killed = { pid, at: Date.now() };
    this.#timeline.mark(name, "✗");
    this.#timeline.tell(name, `lock run is killed (SIGKILL) at step ${step} of ${STEPS}`);
  }

  #isFirst = true;
  #isFirstSince(at: number): boolean {
    if (this.killed === undefined || at < this.killed.at || !this.#isFirst) return false;
    this.#isFirst = false;
    return true;
  }

  #ended(name: HostName, code: number): void {
    if (code === BUSY) {
      // Both try several times a second: the first few times are enough to see it.
      this.#skipped += 1;
      if (this.#skipped <= 3) this.#timeline.tell(name, "skips: the key is busy (exit code 75)");
      return;
    }
    this.#timeline.mark(name, "·");
    const what =
      code === KILLED_BY_SIGNAL ? "cron goes on: its watcher ends the report" : "has finished the report";
    this.#timeline.tell(name, `${what} (exit code ${code})`);
  }
}
