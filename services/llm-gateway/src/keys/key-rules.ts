import { durationMs } from '../budgets/duration.ts';
import { WireError } from '../wire/wire-format.ts';

/** Settings of a key by LiteLLM's names; durations as texts like `30d`. */
export type KeySettings = Partial<Record<(typeof boundedSettings)[number] | 'models' | 'metadata' | 'team_id' | 'user_id', unknown>>;

/** What a key can be held to, however it is made. */
export const boundedSettings = ['max_budget', 'rpm_limit', 'tpm_limit', 'max_parallel_requests', 'budget_duration', 'duration'] as const;

/** What the configuration file says of keys: `default_key_generate_params` of those that are made over LiteLLM's API, `upperbound_key_generate_params` of all. */
export class KeyRules {
  constructor(private readonly defaults: KeySettings = {}, private readonly upper: KeySettings = {}) {}

  /** A new key's settings with what was left out, or said to be null. Throws `WireError` for what is above a bound. */
  ofNew<Settings extends KeySettings>(given: Settings): Settings {
    const settings: KeySettings = { ...given };
    for (const rules of [this.defaults, this.upper]) for (const name of Object.keys(rules) as (keyof KeySettings)[]) settings[name] ??= rules[name];
    return this.bounded(settings as Settings);
  }

  /** Of an older key what is said stays as far as it may. A bound that is taken away is the upper one. */
  ofChange<Settings extends KeySettings>(given: Settings): Settings {
    const settings: KeySettings = { ...given };
    for (const name of boundedSettings) if (settings[name] === null) settings[name] = this.upper[name] ?? null;
    return this.bounded(settings as Settings);
  }

  /** The upper bound of a setting, durations in milliseconds; null where there is none. */
  most(name: (typeof boundedSettings)[number]): number | null {
    const most = this.upper[name];
    return most == null ? null : amountOf(most);
  }

  private bounded<Settings extends KeySettings>(settings: Settings): Settings {
    for (const name of boundedSettings) {
      const [given, most] = [settings[name], this.upper[name]];
      if (given != null && most != null && amountOf(given) > amountOf(most)) throw new WireError('bad-request', `${name} may be ${most as number | string} at most here (upperbound_key_generate_params).`, name);
    }
    return settings;
  }
}

const amountOf = (value: unknown): number => (typeof value === 'string' ? (durationMs(value) ?? 0) : Number(value));
