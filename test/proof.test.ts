import { expect, it } from "vitest";
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
