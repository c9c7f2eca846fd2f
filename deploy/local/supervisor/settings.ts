import { parseEnv } from 'node:util';
import { readFileSync } from 'node:fs';
import { isSecret, later, laterInFile, variables } from './variables.ts';
import type { Rule } from './rules.ts';
import type { Settings, VariableName } from './variables.ts';

export type Texts = Readonly<Record<string, string | undefined>>;

export interface ReadSettings {
  readonly settings: Settings;
  /** One sentence for each variable that is accepted but does nothing yet. */
  readonly warnings: readonly string[];
  /** One sentence for each variable that stops the start: its name, its rule and an example. */
  readonly problems: readonly string[];
  /** Variables of `.env`, among them the provider keys that a model gateway configuration refers to. */
  readonly fromFile: Texts;
}

/** Texts of the `.env` file; an absent file is an empty one. */
export function readSettingsFile(path: string): Texts {
  try {
    return parseEnv(readFileSync(path, 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw error;
  }
}

/** Checks every variable once. What the environment sets wins over the file; an empty value counts as not set. */
export function readSettings(environment: Texts, fromFile: Texts): ReadSettings {
  const problems: string[] = [];
  const warnings: string[] = [];
  const settings: Record<string, unknown> = {};
  for (const name of Object.keys(variables) as VariableName[]) {
    const { rule, fallback, also, alsoInFile } = variables[name];
    const given = first(environment, [name, ...also]) ?? first(fromFile, [name, ...also, ...alsoInFile]);
    settings[name] = given === undefined ? fallback : check<unknown>(given, rule, problems);
  }
  for (const [name, text] of Object.entries({ ...fromFile, ...environment })) {
    if (!text) continue;
    const rule = later[name];
    if (rule && check({ name, text }, rule, problems) !== undefined) warnings.push(`${name} is set, but this release has no such listener yet.`);
    else if (!rule && name.startsWith('DESKHAND_') && !(name in variables)) problems.push(unknownName(name));
  }
  for (const name of laterInFile) if (fromFile[name]) warnings.push(`${name} in .env has no effect yet.`);
  problems.push(...togetherProblems(settings as unknown as Settings));
  return { settings: settings as unknown as Settings, warnings, problems, fromFile };
}

interface Given {
  readonly name: string;
  readonly text: string;
}

function first(texts: Texts, names: readonly string[]): Given | undefined {
  for (const name of names) {
    const text = texts[name];
    if (text) return { name, text };
  }
  return undefined;
}

function check<Value>({ name, text }: Given, rule: Rule<Value>, problems: string[]): Value | undefined {
  const value = rule.read(text.trim());
  if (value === undefined) {
    const shown = isSecret(name) ? '' : ` (it is "${text}")`;
    problems.push(`${name} must be ${rule.words}${shown}. Example: ${name}=${rule.example}`);
  }
  return value;
}

function togetherProblems(settings: Settings): string[] {
  return [...administratorProblems(settings), ...blobProblems(settings)];
}

function blobProblems(settings: Settings): string[] {
  // Undefined where the rule was broken: that has been said already.
  if (!(settings.DESKHAND_BLOBS as string | undefined)?.startsWith('s3:')) return [];
  const missing = (['DESKHAND_BLOBS_ACCESS_KEY', 'DESKHAND_BLOBS_SECRET_KEY'] as const).filter((name) => settings[name] === null);
  if (missing.length === 0) return [];
  return [`${missing.join(' and ')} must be set too: DESKHAND_BLOBS names an S3 service. Example: ${missing[0]}=${variables[missing[0]!].rule.example}`];
}

function administratorProblems(settings: Settings): string[] {
  const administrator = ['DESKHAND_ADMIN_USERNAME', 'DESKHAND_ADMIN_EMAIL', 'DESKHAND_ADMIN_PASSWORD'] as const;
  const missing = administrator.filter((name) => settings[name] === null);
  if (missing.length === 0 || missing.length === administrator.length) return [];
  return [`${missing.join(' and ')} must be set too: the first administrator needs a name, an e-mail address and a password. Example: ${missing[0]}=${variables[missing[0]!].rule.example}`];
}

function unknownName(name: string): string {
  const known = [...Object.keys(variables), ...Object.keys(later)].filter((candidate) => candidate.startsWith('DESKHAND_'));
  const nearest = known.reduce((best, candidate) => (distance(name, candidate) < distance(name, best) ? candidate : best));
  return `${name} is not a variable of Deskhand (deploy/env.example lists them). Did you mean ${nearest}? Example: ${nearest}=${variables[nearest as VariableName]?.rule.example ?? later[nearest]?.example}`;
}

/** How many letters must change to get from one name to the other. */
function distance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (const [line, letter] of one.split('').entries()) {
    const next = [line + 1];
    for (let column = 0; column < other.length; column++) {
      const changed = (row[column] ?? 0) + (letter === other[column] ? 0 : 1);
      next.push(Math.min(changed, (row[column + 1] ?? 0) + 1, (next[column] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
