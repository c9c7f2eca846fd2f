import type { ModelView } from '@deskhand/contracts';
import type { Endpoints } from '../api/endpoints.ts';
import { remember, remembered } from './storage.ts';

/** The models that can be chosen, and the one a new conversation starts with. */
export class Models {
  list = $state.raw<readonly ModelView[]>([]);
  #preset = $state<string | null>(remembered('model'));
  #fallback = $state<string | null>(null);

  constructor(private readonly endpoints: Endpoints) {}

  async load(): Promise<void> {
    const { models, default_model } = await this.endpoints.models();
    this.list = models;
    this.#fallback = default_model;
  }

  /** The person's last choice while it still exists, else the server's default. */
  get preferred(): string | null {
    return this.list.some(({ id }) => id === this.#preset) ? this.#preset : this.#fallback;
  }

  /** Null forgets the choice: the server's default then stands. */
  prefer(id: string | null): void {
    this.#preset = id;
    remember('model', id);
  }

  /** By its id, as conversations name it, or by its label, as answers carry it. */
  find(name: string | null): ModelView | undefined {
    return this.list.find((model) => model.id === name) ?? this.list.find((model) => model.label === name);
  }

  /** Its name without what is added in brackets. */
  label(name: string): string {
    return (this.find(name)?.label ?? name).replace(/\s*\([^)]*\)$/, '');
  }

  /** What is added to its name in brackets. */
  hint(name: string): string | undefined {
    return /\(([^)]*)\)$/.exec(this.find(name)?.label ?? '')?.[1];
  }

  /** True when nothing but the built-in models can be chosen. */
  get onlyScripted(): boolean {
    return this.list.length > 0 && this.list.every(({ scripted }) => scripted);
  }

  /** A badge where the name alone does not say that it is scripted. */
  needsBadge(name: string | null): boolean {
    return name !== null && this.isScripted(name) && !/scripted/i.test(this.label(name));
  }

  /** True for the built-in models that follow a script; they say so wherever they are shown. */
  isScripted(name: string | null): boolean {
    return name !== null && (this.find(name)?.scripted ?? /^(scripted|mock)\//.test(name));
  }
}
