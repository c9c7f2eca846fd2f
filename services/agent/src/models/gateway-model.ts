import { DeclaredError, llm, type OutputOf } from '@deskhand/contracts';
import { ModelError, type Model, type ModelEvent, type ModelRequest, type Models } from '../loop/model.ts';
import { anthropicMessagesBody, decodeAnthropicMessages } from './anthropic-messages.ts';
import { boundedFetch } from './bounded-fetch.ts';
import { decodeOpenAiChat, openAiChatBody } from './openai-chat.ts';
import { asModelError } from './upstream-error.ts';

export type Route = OutputOf<typeof llm.resolve>;

/** Milliseconds until the first byte of an answer; long, for some models think before they say anything. */
const patienceMs = 600_000;
/** How long a route is used before it is asked for again: tokens end, people change models. */
const routeLifetimeMs = 60_000;

/** A model behind the gateway, asked in the upstream's own format. */
export class GatewayModel implements Model {
  readonly label: string;
  readonly contextWindow: number | null;
  readonly sees: boolean;

  constructor(private readonly route: Route) {
    this.label = route.label;
    this.contextWindow = route.context_window;
    // A script looks at nothing.
    this.sees = !route.scripted;
  }

  async *stream(request: ModelRequest, signal: AbortSignal): AsyncIterable<ModelEvent> {
    let opened = false;
    try {
      const events = this.route.wire === 'openai-chat' ? await openAiStream(this.route, request, signal) : await anthropicStream(this.route, request, signal);
      for await (const event of events) {
        opened = true;
        yield event;
      }
    } catch (error) {
      throw asModelError(error, opened);
    }
  }
}

/** Retries are the loop's, which knows what was shown; logs of an SDK would quote what it cannot read. */
const calmly = { maxRetries: 0, timeout: patienceMs, logLevel: 'off', fetch: boundedFetch } as const;

// The SDKs are loaded with the first run that needs them: a worker at rest holds neither.

/** One of the SDKs wants the version in its base URL, the other adds it by itself. */
function gatewayOrigin(route: Route): string {
  return route.base_url.replace(/\/+$/, '').replace(/\/v1$/, '');
}

async function openAiStream(route: Route, request: ModelRequest, signal: AbortSignal): Promise<AsyncIterable<ModelEvent>> {
  const { OpenAI } = await import('openai');
  // Nothing of the environment may redirect a call or add to it.
  const client = new OpenAI({ apiKey: route.token, baseURL: `${gatewayOrigin(route)}/v1`, organization: null, project: null, ...calmly });
  return decodeOpenAiChat(await client.chat.completions.create(openAiChatBody(request, route.model), { signal }));
}

async function anthropicStream(route: Route, request: ModelRequest, signal: AbortSignal): Promise<AsyncIterable<ModelEvent>> {
  const { Anthropic } = await import('@anthropic-ai/sdk');
  const client = new Anthropic({ apiKey: route.token, baseURL: gatewayOrigin(route), ...calmly });
  return decodeAnthropicMessages(await client.messages.create(anthropicMessagesBody(request, route.model), { signal }));
}

/** The model of one run, as the gateway routes it. */
export class GatewayModels implements Models {
  private known: { model: Model; until: number } | null = null;

  constructor(private readonly ask: () => Promise<Route>, private readonly now: () => number = () => performance.now()) {}

  async resolve(again: boolean): Promise<Model> {
    if (this.known !== null && !again && this.now() < this.known.until) return this.known.model;
    this.known = null;
    try {
      const model = new GatewayModel(await this.ask());
      this.known = { model, until: this.now() + routeLifetimeMs };
      return model;
    } catch (error) {
      if (!(error instanceof DeclaredError)) throw error;
      const kind = error.code === 'NOT_FOUND' || error.code === 'FORBIDDEN' || error.code === 'BAD_INPUT' ? 'refused' : 'unreachable';
      throw new ModelError(kind, error.message, undefined, { cause: error });
    }
  }
}
