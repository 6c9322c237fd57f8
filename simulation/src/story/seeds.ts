import type { DrawOptions } from "./draw.ts";
import { drawStory } from "./draw.ts";
import type { Story } from "./story.ts";

/** What the stories of a campaign are about. */
export type Profile = "single" | "unsafe" | "quorum";

const PROFILES: Readonly<Record<Profile, DrawOptions>> = {
  single: { topology: "single", unsafe: false },
  unsafe: { topology: "single", unsafe: true },
  quorum: { topology: "quorum", unsafe: false },
};

/** Of ten seeds in a row, six are of a single server, two of one that loses data or has its clock set, and two of a quorum. */
export function profileOf(seed: number): Profile {
  const last = seed % 10;
  if (last < 6) return "single";
  return last < 8 ? "unsafe" : "quorum";
}

/** The story of a seed, of its own profile or of another one. */
export function storyOf(seed: number, profile: Profile = profileOf(seed)): Story {
  return drawStory(seed, PROFILES[profile]);
}
