import { columnsOf, fit, print } from "@lock/demo-kit";
import { type Frame, fingerprint, line, lineHeader, table } from "./table.ts";

export type Screen = (frame: Frame) => void;

/** What the table needs. */
const WIDTH = 80;

/** On a terminal a table that is drawn in place, otherwise a line for each change. */
export function openScreen({ stdout, env } = process): Screen {
  return stdout.isTTY === true && env.TERM !== "dumb" && columnsOf() >= WIDTH ? live() : log();
}

function live(): Screen {
  let height = 0;
  return (frame) => {
    const lines = fit(table(frame).join("\n")).split("\n");
    const up = height > 0 ? `\u001b[${height}A` : "";
    // Each line is cleared to its end, not the screen before it: that would flicker.
    process.stdout.write(up + lines.map((text) => `${text}\u001b[K\n`).join(""));
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
