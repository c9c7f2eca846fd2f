import { createCssVariablesTheme, createHighlighterCore, type HighlighterCore } from 'shiki/core';
import { createJavaScriptRegexEngine } from 'shiki/engine/javascript';

const theme = createCssVariablesTheme({ name: 'deskhand', variablePrefix: '--', fontStyle: false });

/** Grammars that are loaded when a block asks for them; the names after each are what people write. */
const grammars: Record<string, { load: () => Promise<{ default: unknown }>; aliases: readonly string[] }> = {
  bash: { load: () => import('shiki/langs/bash.mjs'), aliases: ['sh', 'shell', 'zsh', 'console', 'shellscript'] },
  c: { load: () => import('shiki/langs/c.mjs'), aliases: ['h'] },
  cpp: { load: () => import('shiki/langs/cpp.mjs'), aliases: ['c++', 'cc', 'hpp', 'cxx'] },
  csharp: { load: () => import('shiki/langs/csharp.mjs'), aliases: ['cs', 'c#'] },
  css: { load: () => import('shiki/langs/css.mjs'), aliases: ['scss'] },
  diff: { load: () => import('shiki/langs/diff.mjs'), aliases: ['patch'] },
  docker: { load: () => import('shiki/langs/docker.mjs'), aliases: ['dockerfile'] },
  go: { load: () => import('shiki/langs/go.mjs'), aliases: ['golang'] },
  html: { load: () => import('shiki/langs/html.mjs'), aliases: ['htm', 'vue'] },
  ini: { load: () => import('shiki/langs/ini.mjs'), aliases: ['conf', 'properties', 'env'] },
  java: { load: () => import('shiki/langs/java.mjs'), aliases: [] },
  javascript: { load: () => import('shiki/langs/javascript.mjs'), aliases: ['js', 'mjs', 'cjs', 'jsx'] },
  json: { load: () => import('shiki/langs/json.mjs'), aliases: ['jsonc', 'json5', 'jsonl'] },
  kotlin: { load: () => import('shiki/langs/kotlin.mjs'), aliases: ['kt'] },
  lua: { load: () => import('shiki/langs/lua.mjs'), aliases: [] },
  make: { load: () => import('shiki/langs/make.mjs'), aliases: ['makefile'] },
  markdown: { load: () => import('shiki/langs/markdown.mjs'), aliases: ['md'] },
  nginx: { load: () => import('shiki/langs/nginx.mjs'), aliases: [] },
  php: { load: () => import('shiki/langs/php.mjs'), aliases: [] },
  powershell: { load: () => import('shiki/langs/powershell.mjs'), aliases: ['ps1'] },
  python: { load: () => import('shiki/langs/python.mjs'), aliases: ['py', 'python3'] },
  r: { load: () => import('shiki/langs/r.mjs'), aliases: [] },
  ruby: { load: () => import('shiki/langs/ruby.mjs'), aliases: ['rb'] },
  rust: { load: () => import('shiki/langs/rust.mjs'), aliases: ['rs'] },
  sql: { load: () => import('shiki/langs/sql.mjs'), aliases: ['postgresql', 'sqlite', 'mysql'] },
  svelte: { load: () => import('shiki/langs/svelte.mjs'), aliases: [] },
  swift: { load: () => import('shiki/langs/swift.mjs'), aliases: [] },
  toml: { load: () => import('shiki/langs/toml.mjs'), aliases: [] },
  typescript: { load: () => import('shiki/langs/typescript.mjs'), aliases: ['ts', 'mts', 'cts', 'tsx'] },
  xml: { load: () => import('shiki/langs/xml.mjs'), aliases: ['svg', 'plist'] },
  yaml: { load: () => import('shiki/langs/yaml.mjs'), aliases: ['yml'] },
};

const names = new Map(Object.entries(grammars).flatMap(([name, { aliases }]) => [name, ...aliases].map((alias) => [alias, name] as const)));
const loaded = new Map<string, Promise<Highlighter | null>>();
let core: Promise<HighlighterCore> | null = null;

export interface CodeToken {
  text: string;
  classes: string;
}
export type CodeLine = readonly CodeToken[];

/** Colours code line by line, going on where it stopped. */
export interface Highlighter {
  /** Whole lines, in order, each given once. `state` is what the call before returned, null at the start. */
  lines(code: string, state: unknown): { lines: CodeLine[]; state: unknown };
}

/** The highlighter of a language by any name people use for it; null when it is not known here. */
export function highlighterFor(language: string): Promise<Highlighter | null> {
  const name = names.get(language.toLowerCase());
  if (name === undefined) return Promise.resolve(null);
  const known = loaded.get(name) ?? load(name).catch(() => null);
  loaded.set(name, known);
  return known;
}

async function load(name: string): Promise<Highlighter> {
  core ??= createHighlighterCore({ themes: [theme], langs: [], engine: createJavaScriptRegexEngine({ forgiving: true }) });
  const highlighter = await core;
  const { default: grammar } = await grammars[name]!.load();
  await highlighter.loadLanguage(grammar as Parameters<HighlighterCore['loadLanguage']>[0]);
  return {
    lines(code, state) {
      const tokens = highlighter.codeToTokensBase(code, { lang: name, theme: 'deskhand', tokenizeMaxLineLength: 2_000, ...(state !== null && { grammarState: state as never }) });
      const lines = tokens.map((line) => joined(line.map(({ content, color }) => ({ text: content, classes: classOf(color) }))));
      return { lines, state: highlighter.getLastGrammarState(tokens) ?? null };
    },
  };
}

/** Neighbours that look the same become one, so that plain code costs one text node. */
function joined(tokens: readonly CodeToken[]): CodeLine {
  const line: CodeToken[] = [];
  for (const token of tokens) {
    const last = line.at(-1);
    if (last?.classes === token.classes) last.text += token.text;
    else line.push({ ...token });
  }
  return line;
}

/** The theme names its colours `var(--token-keyword)`; style attributes are not allowed here, so they become classes. */
function classOf(colour: string | undefined): string {
  return /^var\(--(token-[a-z-]+)\)$/.exec(colour ?? '')?.[1] ?? '';
}
