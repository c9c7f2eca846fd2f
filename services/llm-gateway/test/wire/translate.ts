import type { CalledFormat, ConversationFormat } from '../../src/wire/formats.ts';
import { translationBetween, type Dialect, type TranslatedCall } from '../../src/wire/translation.ts';
import { through } from './streams.ts';

export type Fields = Record<string, any>;
export const translate = (client: ConversationFormat, upstream: CalledFormat, body: Fields, dialect: Dialect = {}): TranslatedCall => translationBetween(client, upstream, dialect)!.request({ model: 'm', ...body });
export const toChat = (body: Fields, dialect?: Dialect): Fields => translate('anthropic-messages', 'openai-chat', { max_tokens: 9, messages: [{ role: 'user', content: 'hi' }], ...body }, dialect).body;
export const toAnthropic = (body: Fields, dialect?: Dialect): Fields => translate('openai-chat', 'anthropic-messages', { messages: [{ role: 'user', content: 'hi' }], ...body }, dialect).body;
export const fromResponses = (upstream: CalledFormat, body: Fields, dialect?: Dialect): Fields => translate('openai-responses', upstream, { input: 'hi', ...body }, dialect).body;
export const chunk = (delta: Fields, finish: string | null = null, extra: Fields = {}): string => `data: ${JSON.stringify({ id: 'c', model: 'm', choices: [{ index: 0, delta, finish_reason: finish }], ...extra })}\n\n`;
export const done = 'data: [DONE]\n\n';
export const forAnthropic = (stream: string): string => through(translate('anthropic-messages', 'openai-chat', { stream: true, max_tokens: 9, messages: [] }), stream);
export const usage = { fresh: 0, read: 0, written: 0, output: 0, reasoning: 0 };
