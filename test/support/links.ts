import { posix } from "node:path";
import packlist from "npm-packlist";
import { parsePage } from "./markdown.ts";
import { files, folders, read, root } from "./repository.ts";

/** Where the repository's files are found by readers of a published package. */
export const homepage: string = JSON.parse(read("package.json")).homepage;

/** What is wrong with the links of a page: nothing, where all is well. */
export function brokenLinks(page: string, markdown: string): string[] {
  const { links, undefinedLinks, anchors } = parsePage(markdown);
  const faults = links.flatMap(({ to }) => {
    const [path = "", anchor] = to.split("#");
    const fault =
      path === "" ? wrongAnchor(anchors, anchor) : isAddress(path) ? wrongAddress(to) : wrongPath(page, to);
    return fault ? [`${page}: ${to} ${fault}`] : [];
  });
  return [...faults, ...undefinedLinks.map((words) => `${page}: ${words} has no definition`)];
}

function wrongAddress(address: string): string | undefined {
  const { hostname } = new URL(address);
  if (address === homepage) return;
  if (address.startsWith(`${homepage}/`)) return wrongTarget(address.slice(homepage.length + 1));
  if (hostname === new URL(homepage).hostname || hostname.endsWith(".example"))
    return `does not begin with ${homepage}/, the homepage in package.json`;
  return;
}

function wrongPath(page: string, link: string): string | undefined {
  const target = posix.join(posix.dirname(page), link);
  const [path = ""] = target.split("#");
  const [, owner] = /^(packages\/[^/]+)\//.exec(page) ?? [];
  if (owner && !tarballOf(owner).has(decodeURI(path)))
    return `is not in the tarball of ${owner}: link to ${homepage}/${target}`;
  if (folders.has(path.replace(/\/$/, ""))) return;
  return wrongTarget(target);
}

function wrongTarget(target: string): string | undefined {
  const [path = "", anchor] = target.split("#");
  if (!files.has(decodeURI(path))) return "is no file of the repository";
  if (anchor === undefined) return;
  if (!path.endsWith(".md")) return "has an anchor, but is no page";
  return wrongAnchor(parsePage(read(path)).anchors, anchor);
}

function wrongAnchor(anchors: ReadonlySet<string>, anchor: string | undefined): string | undefined {
  return anchor !== undefined && anchors.has(anchor) ? undefined : "is no heading of that page";
}

function isAddress(path: string): boolean {
  return URL.canParse(path);
}

/** What npm would publish of each package, by paths from the root of the repository. */
const tarballs = new Map(
  await Promise.all(
    [...folders]
      .filter((folder) => /^packages\/[^/]+$/.test(folder))
      .map(async (folder) => {
        const manifest = JSON.parse(read(`${folder}/package.json`));
        const packed = await packlist({ path: root + folder, package: manifest, edgesOut: new Map() });
        return [folder, new Set(packed.map((path) => `${folder}/${path}`))] as const;
      }),
  ),
);

function tarballOf(folder: string): ReadonlySet<string> {
  const tarball = tarballs.get(folder);
  if (tarball === undefined) throw new Error(`${folder} is no package`);
  return tarball;
}
