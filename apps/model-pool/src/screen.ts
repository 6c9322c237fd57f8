import { print } from "@lock/demo-kit";
import { type Frame, fingerprint, line, lineHeader, table } from "./table.ts";

export type Screen = (frame: Frame) => void;

/** The widest line of the table; a line that is wrapped could not be drawn over. */
const WIDTH = 80;

/** On a terminal a table that is drawn in place, otherwise a line for each change. */
export function openScreen({ stdout, env } = process): Screen {
  // Some pseudo terminals say 0 when they do not know.
  const isWide = (stdout.columns || WIDTH) >= WIDTH;
  return stdout.isTTY === true && env.TERM !== "dumb" && isWide ? live() : log();
}

function live(): Screen {
  let height = 0;
  return (frame) => {
    const lines = table(frame);
    const up = height > 0 ? `\u001b[${height}A` : "";
    // Each line is cleared to its end, not the screen before it: that would flicker.
    print(up + lines.map((text) => `${text}\u001b[K`).join("\n"));
    height = lines.length;
  };
}

function log(): Screen {
  let last: string | undefined;
  return (frame) => {
    const now = fingerprint(frame);
    if (last === undefined) print(lineHeader(frame.slots.length));
    if (now !== last) print(line(frame));
    last = now;
  };
}
