import { availableParallelism } from "node:os";
import {
  openWasmoon,
  type Profile,
  play,
  printLines,
  printStory,
  profileOf,
  shrink,
  storyOf,
} from "@lock/simulation";
import { type Command, readCount, readFlags, UsageError } from "../command.ts";
import { runBlocks } from "./blocks.ts";
import { ResultsFile } from "./results.ts";
import { showSummary } from "./show.ts";

const HELP = `pnpm prove simulate [--from N] [--to M] [--profile NAME] [--jobs COUNT] [--first]
pnpm prove simulate --seed S [--profile NAME] [--shrink]

Plays histories of the real core against simulated servers, clocks and networks,
and checks what is promised. A seed decides all that happens in its history.

  --seed S        plays one history, and tells it line by line
  --shrink        of a history that fails: first makes it as short as it gets
  --from N        the first seed of a range; default 1
  --to M          the last one; default 2000. A range that was played before on
                  this commit goes on where it ended; what came of 100,000 or
                  more is kept in proof/results/simulation.json
  --profile NAME  single, unsafe (a server loses data, or its clock is set) or
                  quorum; default: a mix, by the seed
  --first         begins no more when a history has failed
  --jobs COUNT    processes that play at once; default: one per core`;

/** So many histories are worth to be told of. */
const CAMPAIGN = 100_000;

const text = { type: "string" } as const;
const flag = { type: "boolean" } as const;
const FLAGS = {
  seed: text,
  from: text,
  to: text,
  profile: text,
  jobs: text,
  shrink: flag,
  first: flag,
  help: flag,
} as const;

const PROFILES: readonly Profile[] = ["single", "unsafe", "quorum"];

export const simulate: Command = {
  name: "simulate",
  summary: "plays histories in a simulated world, and checks what is promised",
  run: proveSimulate,
};

/** @throws UsageError */
async function proveSimulate(args: readonly string[]): Promise<number> {
  const { help, first = false, shrink: shrinks, ...values } = readFlags(args, FLAGS, HELP);
  if (help) {
    console.log(HELP);
    return 0;
  }
  const profile = readProfile(values.profile);
  if (values.seed !== undefined) return replay(readCount("seed", values.seed, 0), profile, shrinks === true);
  const from = readCount("from", values.from ?? "1", 1);
  const to = readCount("to", values.to ?? "2000", from);
  const jobs = readCount("jobs", values.jobs ?? String(availableParallelism()), 1);
  const results = await ResultsFile.open(profile);
  const summary = await runBlocks({
    from,
    to,
    profile,
    jobs,
    first,
    results,
    say: (text) => process.stderr.write(text),
  });
  console.log(showSummary(summary));
  if (profile === undefined && to - from >= CAMPAIGN - 1) await results.keepSummary(from, to);
  return summary.failed.length === 0 ? 0 : 1;
}

async function replay(seed: number, asked: Profile | undefined, shrinks: boolean): Promise<number> {
  const profile = asked ?? profileOf(seed);
  const vm = await openWasmoon();
  let story = storyOf(seed, profile);
  const fails = async () => (await play(story, vm)).violations;
  const [first] = await fails();
  if (shrinks && first !== undefined) {
    console.error("makes it shorter ...");
    story = await shrink(story, async (shorter) => {
      const { violations } = await play(shorter, vm);
      return violations.some(({ promise }) => promise === first.promise);
    });
  }
  const { lines, violations } = await play(story, vm, true);
  console.log(`${printStory(story)}\n\nwhat happened:\n\n${printLines(lines)}\n`);
  console.log(
    violations.length === 0
      ? "nothing is wrong"
      : violations.map(({ promise, text }) => `✗ ${promise}: ${text}`).join("\n"),
  );
  return violations.length === 0 ? 0 : 1;
}

function readProfile(text: string | undefined): Profile | undefined {
  const profile = PROFILES.find((each) => each === text);
  if (text === undefined || profile !== undefined) return profile;
  throw new UsageError(`no profile ${JSON.stringify(text)}; there are: ${PROFILES.join(", ")}`);
}
