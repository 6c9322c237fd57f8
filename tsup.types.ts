/**
 * What `tsup` does about types: nothing in the script `build`, since nothing loads them at run time and they take twice
 * as long as all else; nothing else in the script `types`.
 */
export const dts =
  process.env.npm_lifecycle_event === "types"
    ? { only: true, compilerOptions: { ignoreDeprecations: "6.0" } }
    : false;
