import { run } from "@lock/redis-harness/host";

/** The system user that a server runs as. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

const NAMES = ["postgres", "nobody"];

/** Undefined where the user of this process will do: PostgreSQL refuses only root. */
export async function findAccount(): Promise<Account | undefined> {
  if (process.geteuid?.() !== 0) return undefined;
  for (const name of NAMES) {
    const [uid, gid] = await Promise.all([run("id", ["-u", name]), run("id", ["-g", name])]);
    if (uid.ok && gid.ok) return { uid: Number(uid.output), gid: Number(gid.output) };
  }
  throw new Error(
    `PostgreSQL refuses to run as root, and this system has no user ${NAMES.join(" or ")} to run it as: add one, or start the tests as another user`,
  );
}
