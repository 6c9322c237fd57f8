import GithubSlugger from "github-slugger";
import { lexer, type Token, type Tokens, walkTokens } from "marked";

export interface Link {
  readonly to: string;
  /** What a browser shows beside the pointer: for a link to a test file, the title of a test in it. */
  readonly title?: string;
  /** What its text has between backticks. */
  readonly spans: readonly string[];
}

/** A table by the raw text of its cells. */
export interface Table {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** What tests ask of a page of Markdown. */
export interface Page {
  /** Every link, image and definition. */
  readonly links: readonly Link[];
  /** Brackets that were meant as a link, and have no definition. */
  readonly undefinedLinks: readonly string[];
  /** The anchors of its headings, as GitHub names them. */
  readonly anchors: ReadonlySet<string>;
  /** What stands between single backticks, and is no link. */
  readonly spans: readonly string[];
  /** Plain text, paragraph by paragraph, as it is written. */
  readonly paragraphs: readonly string[];
  readonly tables: readonly Table[];
  /** Blocks of code, in order. */
  readonly blocks: readonly { readonly language: string; readonly code: string }[];
}

export function parsePage(markdown: string): Page {
  const links: Link[] = [];
  const undefinedLinks: string[] = [];
  const anchors = new Set<string>();
  const spans: string[] = [];
  const paragraphs: string[] = [];
  const tables: Table[] = [];
  const blocks: { language: string; code: string }[] = [];
  const slugger = new GithubSlugger();
  const addLink = (token: Tokens.Link | Tokens.Image | Tokens.Def) => links.push(linkOf(token));
  const visitors: { readonly [Kind in keyof Kinds]: (token: Kinds[Kind]) => unknown } = {
    link: addLink,
    image: addLink,
    def: addLink,
    html: ({ raw }) => links.push(...attributesOf(raw)),
    heading: (token) => anchors.add(slugger.slug(textOf(token))),
    codespan: ({ text }) => spans.push(text),
    paragraph: ({ raw }) => paragraphs.push(raw),
    table: (token) => tables.push(tableOf(token)),
    code: ({ lang = "", text }) => blocks.push({ language: lang, code: text }),
    text: ({ text, tokens }) => undefinedLinks.push(...((!tokens && text.match(/\[[^\]]+\]/g)) || [])),
  };
  walkTokens(lexer(markdown), (token) => void visitors[token.type as keyof Kinds]?.(token as never));
  const linked = links.flatMap((link) => link.spans);
  return { links, undefinedLinks, anchors, spans: without(spans, linked), paragraphs, tables, blocks };
}

interface Kinds {
  link: Tokens.Link;
  image: Tokens.Image;
  def: Tokens.Def;
  html: Tokens.HTML;
  heading: Tokens.Heading;
  codespan: Tokens.Codespan;
  paragraph: Tokens.Paragraph;
  table: Tokens.Table;
  code: Tokens.Code;
  text: Tokens.Text;
}

function textOf(token: Token): string {
  if ("tokens" in token && token.tokens) return token.tokens.map(textOf).join("");
  return "text" in token ? token.text : "";
}

function linkOf(token: Tokens.Link | Tokens.Image | Tokens.Def): Link {
  const { href: to, title } = token;
  const spans = "tokens" in token ? token.tokens.filter(({ type }) => type === "codespan").map(textOf) : [];
  return title ? { to, title, spans } : { to, spans };
}

/** A picture for a light and a dark page has to be written as HTML. */
function attributesOf(html: string): Link[] {
  return [...html.matchAll(/\b(?:href|src|srcset)="([^"]*)"/g)].map(([, to = ""]) => ({ to, spans: [] }));
}

/** Takes away each of some once. */
function without(all: readonly string[], some: readonly string[]): string[] {
  const left = [...some];
  return all.filter((each) => {
    const place = left.indexOf(each);
    if (place >= 0) left.splice(place, 1);
    return place < 0;
  });
}

function tableOf({ header, rows }: Tokens.Table): Table {
  return {
    columns: header.map(({ text }) => text),
    rows: rows.map((cells) => cells.map(({ text }) => text)),
  };
}
