import type { WriterEvent } from "./messages.ts";

/** What a writer is doing: nothing of interest, waiting for the lock, or within its turn. */
export type Lane = "idle" | "waits" | "busy";

/** One turn, as it stood when its line was written. */
export interface Turn {
  readonly writer: number;
  readonly at: number;
  readonly line: number;
  readonly lanes: readonly Lane[];
  /** Undefined without the lock. */
  readonly grant:
    | { readonly fence: number; readonly waited: number; readonly behind: string | undefined }
    | undefined;
  released: { readonly outcome: string; readonly held: number } | undefined;
}

/** Follows the events of all writers, which come in order of time, and makes one row of each turn. */
export class Board {
  readonly #lanes: Lane[];
  readonly #behind = new Map<number, string | undefined>();
  readonly #grants = new Map<number, Turn["grant"]>();
  readonly #unfinished: Turn[] = [];

  constructor(writers: number) {
    this.#lanes = Array.from({ length: writers }, () => "idle");
  }

  /** Returns the turns that are over, in the order in which their lines were written. */
  apply(event: WriterEvent): Turn[] {
    const { writer } = event;
    if (event.kind === "waits") {
      this.#lanes[writer - 1] = "waits";
      this.#behind.set(writer, event.holder);
    } else if (event.kind === "reads") {
      this.#lanes[writer - 1] = "busy";
    } else if (event.kind === "holds") {
      this.#lanes[writer - 1] = "busy";
      this.#grants.set(writer, {
        fence: event.fence,
        waited: event.waited,
        behind: this.#behind.get(writer),
      });
      this.#behind.delete(writer);
    } else if (event.kind === "wrote") {
      this.#unfinished.push(this.#turn(writer, event.at, event.line));
      // The next holder may have been granted before this one learns that its release arrived.
      this.#lanes[writer - 1] = "idle";
    } else {
      const turn = this.#unfinished.find((candidate) => candidate.writer === writer);
      if (turn !== undefined) turn.released = event;
    }
    return this.#finished();
  }

  #turn(writer: number, at: number, line: number): Turn {
    const grant = this.#grants.get(writer);
    return { writer, at, line, lanes: [...this.#lanes], grant, released: undefined };
  }

  #finished(): Turn[] {
    const open = this.#unfinished.findIndex(
      (turn) => turn.grant !== undefined && turn.released === undefined,
    );
    return this.#unfinished.splice(0, open === -1 ? this.#unfinished.length : open);
  }
}
