import { Consumers } from "@lock/packed-suite";
import { afterAll, beforeAll } from "vitest";

/** Projects of users, for all tests of a file; to be asked for within tests. */
export function useConsumers(): () => Consumers {
  let open: Consumers | undefined;
  beforeAll(async () => {
    open = await Consumers.open();
  });
  afterAll(() => open?.[Symbol.asyncDispose]());
  return () => {
    if (open === undefined) throw new Error("the projects are there only within tests");
    return open;
  };
}
