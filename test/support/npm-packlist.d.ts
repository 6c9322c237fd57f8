declare module "npm-packlist" {
  /** What npm packs of a folder, by paths from there. */
  export default function packlist(tree: {
    readonly path: string;
    readonly package: object;
    readonly edgesOut: ReadonlyMap<string, unknown>;
  }): Promise<string[]>;
}
