import type { HoldOperation, Story } from "./story.ts";

/** Whether a story still shows the fault. */
export type Shows = (story: Story) => Promise<boolean>;

/** More than this many tries are not worth it. */
const MOST_TRIES = 400;

/** What may be simpler of an operation, one after the other. */
const PLAINER: readonly Partial<HoldOperation>[] = [
  { ticketTo: undefined },
  { extendTo: undefined },
  { abortAfter: undefined },
  { maxHold: undefined },
  { minHold: 0 },
  { renew: true },
  { wait: "forever" },
];

/** Makes a story as short as it gets while it still shows what it shows: fewer operations and faults, plainer ones, calm weather. */
export async function shrink(story: Story, shows: Shows): Promise<Story> {
  const shrinker = new Shrinker(story, shows);
  await shrinker.run();
  return shrinker.story;
}

class Shrinker {
  #tries = 0;

  constructor(
    public story: Story,
    private readonly shows: Shows,
  ) {}

  async run(): Promise<void> {
    await this.#try({ ...this.story, weather: { ...this.story.weather, slow: 0 } });
    for (let before = -1; before !== this.#size && this.#tries < MOST_TRIES; ) {
      before = this.#size;
      await this.#fewer("operations");
      await this.#fewer("faults");
      await this.#plainer();
    }
  }

  get #size(): number {
    return JSON.stringify(this.story).length;
  }

  async #try(story: Story): Promise<boolean> {
    if (this.#tries >= MOST_TRIES) return false;
    this.#tries += 1;
    if (!(await this.shows(story))) return false;
    this.story = story;
    return true;
  }

  /** Leaves out halves, quarters, and so on, as delta debugging does (Zeller and Hildebrandt, 2002). */
  async #fewer(what: "operations" | "faults"): Promise<void> {
    for (let size = Math.ceil(this.story[what].length / 2); size >= 1; size = Math.floor(size / 2)) {
      for (let from = 0; from < this.story[what].length; ) {
        const rest = this.story[what].filter((_, index) => index < from || index >= from + size);
        const isShorter = await this.#try({ ...this.story, [what]: rest });
        if (!isShorter) from += size;
      }
    }
  }

  async #plainer(): Promise<void> {
    for (const [place, operation] of this.story.operations.entries()) {
      for (const change of operation.kind === "hold" ? PLAINER : []) {
        const plainer = { ...operation, ...change };
        if (JSON.stringify(plainer) === JSON.stringify(operation)) continue;
        const operations = this.story.operations.with(place, plainer as HoldOperation);
        await this.#try({ ...this.story, operations });
      }
    }
  }
}
