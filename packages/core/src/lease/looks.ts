import type { KeepingAlarm } from "./kept.ts";

/** Leases that may have been taken by force, and are looked at: once more where that is told again meanwhile. */
export class Looks {
  /** Those that are looked at, and whether to look again. */
  readonly #again = new Map<KeepingAlarm, boolean>();

  constructor(private readonly held: Iterable<KeepingAlarm>) {}

  /** A lease with this owner token may have been taken. */
  readonly hint = (token: string): void => {
    for (const alarm of [...this.held]) {
      if (alarm.lease.held.token !== token) continue;
      if (this.#again.has(alarm)) this.#again.set(alarm, true);
      else void this.#look(alarm);
    }
  };

  async #look(alarm: KeepingAlarm): Promise<void> {
    do {
      this.#again.set(alarm, false);
      await alarm.look();
    } while (this.#again.get(alarm) && alarm.lease.isHeld);
    this.#again.delete(alarm);
  }
}
