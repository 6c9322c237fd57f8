import { campaign, openWasmoon, type Profile, type Summary } from "@lock/simulation";

/** A block of seeds that a process of its own plays. */
export interface Block {
  readonly from: number;
  readonly to: number;
  readonly profile?: Profile | undefined;
}

/** What that process says. */
export interface Played {
  readonly block: Block;
  readonly summary: Summary;
}

// Runs in a process of its own, which `blocks.ts` forks: plays the blocks that it is sent, until it is disconnected.
const vm = await openWasmoon();
process.on("message", async (block: Block) => {
  const summary = await campaign({ vm, ...block });
  process.send?.({ block, summary } satisfies Played);
});
process.send?.("ready");
