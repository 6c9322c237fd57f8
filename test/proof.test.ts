import { dirname } from "node:path";
import { expect, it } from "vitest";
import { usualTests } from "./support/choose-tests.ts";
import { read } from "./support/repository.ts";

const page = read("docs/proof.md").replaceAll(/\s+/g, " ");
const result = (name: string) => JSON.parse(read(`proof/results/${name}.json`));
const written = (count: number) => count.toLocaleString("en-US");

it("the page of proof tells what the differential test has found", () => {
  const { server, sequences, differences } = result("differential");
  expect(page).toContain(`${written(sequences)} sequences on ${server}, ${differences.length} differences`);
});

it("the page of proof tells what the simulation has found", () => {
  const { histories, operations, grants, faults, faultsInUse, failed } = result("simulation");
  const played = `${written(histories)} histories, ${written(operations)} operations, ${written(grants)} grants`;
  const share = Math.round((faultsInUse / faults) * 100);
  expect(page).toContain(
    `${played}; ${written(faults)} faults, ${share} % of them where somebody held a lease`,
  );
  expect(page).toContain(`${failed.length} histories broke a promise`);
});

it("the page of proof tells how many mutants are found", () => {
  const { mutants }: { mutants: readonly { outcome: string }[] } = result("mutants");
  const caught = mutants.filter(({ outcome }) => outcome === "caught").length;
  expect(page).toContain(`Now they find ${caught} of ${mutants.length}.`);
  const inTable = new RegExp(`^\\| all +\\| +${mutants.length} \\| +\\d+ \\| +${caught} \\|$`, "m");
  expect(read("proof/README.md")).toMatch(inTable);
});

it("the page of proof tells how many faults of before the simulation finds again", () => {
  const { seeds, faults }: { seeds: number; faults: readonly { seed?: number }[] } = result("history");
  const found = faults.filter(({ seed }) => seed !== undefined).length;
  expect(page).toContain(
    `In ${written(seeds)} histories each, the simulation finds ${found} of ${faults.length}`,
  );
});

it("the page of proof tells how the randomised tests ended", () => {
  const { files, passed, failed } = result("campaigns");
  expect(page).toContain(`${passed} tests in ${files} files passed, ${failed || "none"} failed`);
});

it("each promise that a test holds is held by one that pnpm test runs", () => {
  const guarantees = read("docs/guarantees.md");
  const usual = usualTests();
  // Suites have no tests of their own: files beside them run them, or those of all drivers.
  const runs = (path: string) =>
    path.startsWith("packages/core/src/testing/") ||
    usual.some((test) => test.startsWith(path.endsWith("suite.ts") ? dirname(path) : path));
  const targets = new Map(
    [...guarantees.matchAll(/^\[(.+?)\]: \.\.\/(packages\S+)/gm)].map(([, name = "", path = ""]) => [
      name,
      path,
    ]),
  );
  const held = guarantees.split(/\n\n|\n(?=\|)/).flatMap((text) => {
    const paths = [...text.matchAll(/\[([^\]]+)\](?!:)/g)].flatMap(
      ([, name = ""]) => targets.get(name) ?? [],
    );
    return paths.length > 0 ? [{ text, isRun: paths.some(runs) }] : [];
  });
  expect(held.length).toBeGreaterThan(30);
  expect(held.filter(({ isRun }) => !isRun)).toEqual([]);
});
