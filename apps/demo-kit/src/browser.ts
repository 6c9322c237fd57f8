import { join } from "node:path";
import { canInstallWithApt, installWithApt, isExecutable, searchPath } from "@lock/redis-harness/host";

/** What has no window starts in a third of the time. */
const NAMES = ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"];

/** The executable of a browser, or why there is none. */
export type Found = { readonly path: string } | { readonly missing: string };

/** `CHROMIUM`, else Chromium or Chrome on PATH, else, as root on Debian or Ubuntu only, installed on the spot. */
export async function findBrowser(): Promise<Found> {
  const { CHROMIUM } = process.env;
  if (CHROMIUM) return { path: CHROMIUM };
  const found = await lookOnPath();
  if (found !== undefined) return { path: found };
  if (!(await canInstallWithApt())) {
    return { missing: `none of ${NAMES.join(", ")} is on PATH; install one, or name one in CHROMIUM` };
  }
  try {
    await installWithApt("chromium-headless-shell", "CHROMIUM");
    // Where Debian puts it, also when PATH lacks that.
    return { path: "/usr/bin/chromium-headless-shell" };
  } catch (error) {
    return { missing: error instanceof Error ? error.message : String(error) };
  }
}

async function lookOnPath(): Promise<string | undefined> {
  const paths = NAMES.flatMap((name) => searchPath().map((directory) => join(directory, name)));
  const usable = await Promise.all(paths.map(isExecutable));
  return paths.find((_, index) => usable[index]);
}
