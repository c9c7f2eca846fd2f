import { randomUUID } from 'node:crypto';
import type { ApprovalView, ConversationView, ErrorBody, MessageView, ProviderView, Session } from '@deskhand/contracts';
import { followSse, followWebSocket, type Feed, type FollowOptions } from './feed.ts';

/** An answer with an error status. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;
  readonly body: Partial<ErrorBody>;
  constructor(status: number, body: Partial<ErrorBody>, what: string) {
    super(`${what}: ${status} ${body.code ?? ''} ${body.message ?? ''}`);
    this.status = status;
    this.body = body;
  }
}

/** The REST, SSE and WebSocket API as an outside program uses it: nothing of the product's code runs here. */
export class Client {
  readonly baseUrl: string;
  readonly session: Session;

  constructor(baseUrl: string, session: Session) {
    this.baseUrl = baseUrl;
    this.session = session;
  }

  static async register(baseUrl: string, username = `user-${randomUUID().slice(0, 8)}`): Promise<Client> {
    const body = { username, email: `${username}@example.org`, password: 'correct horse battery' };
    return new Client(baseUrl, await call<Session>(baseUrl, 'POST', '/api/auth/register', body));
  }

  static async signIn(baseUrl: string, username: string, password = 'correct horse battery'): Promise<Client> {
    return new Client(baseUrl, await call<Session>(baseUrl, 'POST', '/api/auth/login', { username, password }));
  }

  get token(): string {
    return this.session.access_token;
  }

  request<Answer = unknown>(method: string, path: string, body?: unknown): Promise<Answer> {
    return call<Answer>(this.baseUrl, method, path, body, this.token);
  }

  conversation(settings: object = {}): Promise<ConversationView> {
    return this.request('POST', '/api/conversations', settings);
  }

  /** Says something; asked again with the same key when the product is just not there. */
  async say(conversation: string, content: string, key: string = randomUUID()): Promise<{ message_id: string; run_id: string }> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.request('POST', `/api/conversations/${conversation}/messages`, { content, idempotency_key: key });
      } catch (error) {
        if (attempt >= 300 || (error instanceof ApiError && error.status < 500)) throw error;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  }

  async messages(conversation: string): Promise<MessageView[]> {
    const all: MessageView[] = [];
    for (;;) {
      const page = await this.request<{ messages: MessageView[]; total: number }>('GET', `/api/conversations/${conversation}/messages?limit=100&offset=${all.length}`);
      all.push(...page.messages);
      if (all.length >= page.total || page.messages.length === 0) return all;
    }
  }

  approvals(): Promise<ApprovalView[]> {
    return this.request('GET', '/api/approvals');
  }

  decide(approval: string, decision: 'allow' | 'always' | 'deny'): Promise<unknown> {
    return this.request('POST', `/api/approvals/${approval}`, { decision });
  }

  /** Sets up a scripted upstream as this user's provider, and makes it the default. */
  provider(provider: 'openai' | 'anthropic', endpoint: string, model: string, key = 'sk-test-0123456789'): Promise<ProviderView> {
    return this.request('POST', '/api/users/me/providers', { provider, api_key: key, endpoint_url: endpoint, model_name: model, is_default: true });
  }

  /** One connection to a conversation's events. */
  follow(conversation: string, options: FollowOptions = {}): Promise<Feed> {
    const follow = options.transport === 'websocket' ? followWebSocket : followSse;
    return follow(this.baseUrl, this.token, conversation, options);
  }
}

async function call<Answer>(baseUrl: string, method: string, path: string, body?: unknown, token?: string): Promise<Answer> {
  const response = await fetch(baseUrl + path, {
    method,
    headers: { ...(token !== undefined && { authorization: `Bearer ${token}` }), ...(body !== undefined && { 'content-type': 'application/json' }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(30_000),
  });
  const text = await response.text();
  const parsed: unknown = text === '' ? {} : parse(text);
  if (!response.ok) throw new ApiError(response.status, parsed as Partial<ErrorBody>, `${method} ${path}`);
  return parsed as Answer;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
