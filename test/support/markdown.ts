import GithubSlugger from "github-slugger";
import { lexer, type Token, type Tokens, walkTokens } from "marked";

/** What other pages and tests ask of a page of Markdown. */
export interface Page {
  /** Every link, image and definition: where it leads, and the text that is shown. */
  readonly links: readonly { readonly to: string; readonly text: string }[];
  /** The anchors of its headings, as GitHub names them. */
  readonly anchors: ReadonlySet<string>;
  /** What stands between single backticks. */
  readonly spans: readonly string[];
}

export function parsePage(markdown: string): Page {
  const links: { to: string; text: string }[] = [];
  const anchors = new Set<string>();
  const spans: string[] = [];
  const slugger = new GithubSlugger();
  walkTokens(lexer(markdown), (token) => {
    if (isA("link", token) || isA("image", token)) links.push({ to: token.href, text: textOf(token) });
    else if (isA("def", token)) links.push({ to: token.href, text: token.title ?? "" });
    else if (isA("html", token)) links.push(...attributesOf(token.raw));
    else if (isA("heading", token)) anchors.add(slugger.slug(textOf(token)));
    else if (isA("codespan", token)) spans.push(token.text);
  });
  return { links, anchors, spans };
}

interface Kinds {
  link: Tokens.Link;
  image: Tokens.Image;
  def: Tokens.Def;
  html: Tokens.HTML;
  heading: Tokens.Heading;
  codespan: Tokens.Codespan;
}

function isA<Kind extends keyof Kinds>(kind: Kind, token: Token): token is Kinds[Kind] {
  return token.type === kind;
}

function textOf(token: Token): string {
  if ("tokens" in token && token.tokens) return token.tokens.map(textOf).join("");
  return "text" in token ? token.text : "";
}

/** A picture for a light and a dark page has to be written as HTML. */
function attributesOf(html: string): { to: string; text: string }[] {
  return [...html.matchAll(/\b(?:href|src|srcset)="([^"]*)"/g)].map(([, to = ""]) => ({ to, text: "" }));
}
