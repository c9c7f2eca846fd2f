import type { ModelCall } from '../usage/model-call.ts';

/** How answers are kept, as LiteLLM's `cache_params` says. Times are seconds. */
export interface CacheSettings {
  /** Kept for all instances together instead of by each. */
  shared: boolean;
  ttl: number;
  namespace: string;
  /** Formats of the calls whose answers are kept. */
  formats: ReadonlySet<ModelCall['wire']>;
  /** Every call, or only those that ask for it (`mode: default_off`). */
  always: boolean;
}

export const defaultTtl = 600;
/** LiteLLM's names for kinds of calls. */
export const callTypes: Readonly<Record<string, readonly ModelCall['wire'][]>> = {
  completion: ['openai-chat', 'anthropic-messages'], acompletion: ['openai-chat', 'anthropic-messages'], anthropic_messages: ['anthropic-messages'], responses: ['openai-responses'], aresponses: ['openai-responses'],
  text_completion: ['openai-completions'], atext_completion: ['openai-completions'], embedding: ['openai-embeddings'], aembedding: ['openai-embeddings'],
};
/** Stores that LiteLLM knows and that are kept among the instances here, because all of them can be reached from all instances. */
export const sharedTypes: readonly string[] = ['redis', 's3', 'gcs', 'azure-blob', 'disk'];
