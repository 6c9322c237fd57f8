export interface ReplyDrop {
  readonly after: string | RegExp | undefined;
  done(): void;
  cancel(reason: string): void;
}

/** The faults in force, shared by all connections of one proxy. */
export class Faults {
  delayMs = 0;
  isBlackhole = false;
  isRefusing = false;
  dropsMessages = false;
  #replyDrops: ReplyDrop[] = [];

  addReplyDrop(after: string | RegExp | undefined): Promise<void> {
    const dropped = new Promise<void>((resolve, reject) => {
      const cancel = (reason: string) => reject(new Error(`no reply was dropped: ${reason}`));
      this.#replyDrops.push({ after, done: resolve, cancel });
    });
    // A caller who does not wait for the drop shall not crash when it is called off.
    dropped.catch(() => undefined);
    return dropped;
  }

  /** The first drop that wants the answer to this request; it is taken once. */
  takeReplyDrop(request: Buffer): ReplyDrop | undefined {
    const text = request.toString();
    const index = this.#replyDrops.findIndex(({ after }) => {
      if (after === undefined) return true;
      return typeof after === "string" ? text.includes(after) : text.search(after) !== -1;
    });
    return index === -1 ? undefined : this.#replyDrops.splice(index, 1)[0];
  }

  heal(reason: string): void {
    this.delayMs = 0;
    this.isBlackhole = false;
    this.isRefusing = false;
    this.dropsMessages = false;
    for (const drop of this.#replyDrops) drop.cancel(reason);
    this.#replyDrops = [];
  }
}
