import { durationMs } from '../budgets/duration.ts';
import { boundedSettings, KeyRules, type KeySettings } from '../keys/key-rules.ts';
import type { Note } from './read-model.ts';
import type { Place } from './yaml-place.ts';

/** Reads `default_key_generate_params` and `upperbound_key_generate_params` of `litellm_settings`. */
export function readKeyRules(section: Place, note: Note): KeyRules {
  return new KeyRules(readSettings(section.field('default_key_generate_params'), true, note), readSettings(section.field('upperbound_key_generate_params'), false, note));
}

function readSettings(section: Place, all: boolean, note: Note): KeySettings {
  const settings: KeySettings = {};
  for (const place of section.fields()) {
    const key = place.key as keyof KeySettings;
    if (key === 'duration' || key === 'budget_duration') settings[key] = readDuration(place);
    else if ((boundedSettings as readonly string[]).includes(key)) settings[key] = readAmount(place, key !== 'max_budget');
    else if (all && (key === 'team_id' || key === 'user_id')) settings[key] = place.text();
    else if (all && key === 'models') settings[key] = place.texts();
    else if (all && key === 'metadata') settings[key] = Object.fromEntries(place.fields().map((field) => [field.key, field.value]));
    else note(place);
  }
  return settings;
}

function readAmount(place: Place, isWhole: boolean): number | null {
  const amount = place.number();
  if (amount !== null && isWhole && (!Number.isInteger(amount) || amount > 2_147_483_647)) place.problem('must be a whole number');
  return amount;
}

function readDuration(place: Place): string | null {
  const text = place.text();
  if (text !== null && durationMs(text) === null) place.problem('must be like 30s, 15m, 12h, 30d or 1mo');
  return text;
}
