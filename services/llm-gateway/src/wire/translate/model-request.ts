/** A request in no vendor's format: what all of them can say, in one shape. Readers make it, writers say it. */
export interface ModelRequest {
  model: string;
  stream: boolean;
  /** The client asked for the usage of a stream. */
  wantsUsage: boolean;
  messages: Message[];
  tools: Tool[];
  toolChoice: ToolChoice | null;
  /** False: at most one call an answer. */
  parallelTools: boolean | null;
  maxOutput: number | null;
  temperature: number | null;
  topP: number | null;
  topK: number | null;
  stop: string[];
  seed: number | null;
  frequencyPenalty: number | null;
  presencePenalty: number | null;
  reasoning: ReasoningWish | null;
  output: OutputWish | null;
  verbosity: string | null;
  /** An opaque name of the person behind the call. */
  user: string | null;
  /** Names what may share a prompt cache. */
  cacheKey: string | null;
  /** How long OpenAI keeps it. */
  cacheRetention: string | null;
  serviceTier: string | null;
}

export interface ReasoningWish {
  /** Off, on with a budget, or as the model likes. */
  mode: 'off' | 'budget' | 'adaptive';
  effort: string | null;
  budget: number | null;
  /** Whether and how the client wants to read it. */
  display: string | null;
}

export type OutputWish = { type: 'json' } | { type: 'schema'; name: string | null; description: string | null; schema: unknown; strict: boolean | null };

export type ToolChoice = { type: 'auto' } | { type: 'none' } | { type: 'required' } | { type: 'tool'; name: string };

/** `custom` takes free text; formats without it get a function with one string. */
export interface Tool {
  type: 'function' | 'custom' | 'local-shell';
  name: string;
  /** The group a name lives in, where a format has groups. */
  namespace: string | null;
  description: string | null;
  /** JSON Schema of the arguments of a function. */
  parameters: unknown;
  /** How a custom tool's text is made. */
  grammar: unknown;
  strict: boolean | null;
  cache: unknown;
}

export type Role = 'system' | 'developer' | 'user' | 'assistant';

/** Results of tools are parts of a user's message, as many as there are. */
export interface Message {
  role: Role;
  parts: Part[];
}

/** `cache` is Anthropic's cache_control, wherever a client put it. */
export type Part =
  | TextPart
  | ImagePart
  | FilePart
  | ReasoningPart
  | { type: 'refusal'; text: string }
  | ToolCallPart
  | ToolResultPart;

export interface TextPart {
  type: 'text';
  text: string;
  cache?: unknown;
}

export interface ImagePart {
  type: 'image';
  source: MediaSource;
  detail?: string;
  cache?: unknown;
}

export interface FilePart {
  type: 'file';
  source: MediaSource;
  name: string | null;
  cache?: unknown;
}

export type MediaSource = { type: 'base64'; mediaType: string; data: string } | { type: 'url'; url: string } | { type: 'file'; id: string };

/** What a model thought. `proof` is what its vendor wants back with it, untouched. */
export interface ReasoningPart {
  type: 'reasoning';
  text: string;
  proof: Proof | null;
}

/** Something opaque that only the vendor who made it can read. */
export type Proof =
  /** Anthropic: a thinking block's signature, or the whole of a redacted one. */
  | { vendor: 'anthropic'; signature: string }
  | { vendor: 'anthropic'; redacted: string }
  /** Responses: a reasoning item's id and encrypted content. */
  | { vendor: 'openai'; id: string; encrypted: string }
  /** Gemini: the signature of the call that follows. */
  | { vendor: 'google'; call: string; signature: string }
  /** Converse's reasoning of models that are not Anthropic's, and OpenRouter's details. */
  | { vendor: 'details'; details: unknown };

export interface ToolCallPart {
  type: 'tool-call';
  kind: Tool['type'];
  id: string;
  name: string;
  namespace: string | null;
  /** JSON text of a function's arguments; the plain text of a custom tool. */
  input: string;
  cache?: unknown;
}

export interface ToolResultPart {
  type: 'tool-result';
  id: string;
  kind: Tool['type'];
  parts: Part[];
  failed: boolean;
  cache?: unknown;
}

export const emptyRequest = (model: string): ModelRequest => ({
  model, stream: false, wantsUsage: false, messages: [], tools: [], toolChoice: null, parallelTools: null, maxOutput: null, temperature: null, topP: null, topK: null, stop: [], seed: null,
  frequencyPenalty: null, presencePenalty: null, reasoning: null, output: null, verbosity: null, user: null, cacheKey: null, cacheRetention: null, serviceTier: null,
});
