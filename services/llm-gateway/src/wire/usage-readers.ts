import { anthropicMessages } from './anthropic-messages.ts';
import { bedrockConverse } from './bedrock-converse.ts';
import type { UpstreamFormat } from './formats.ts';
import { openaiChat } from './openai-chat.ts';
import { openaiCompletions } from './openai-completions.ts';
import { openaiResponses } from './openai-responses.ts';
import type { Wire } from './wire-format.ts';

/** Finds the usage in what an upstream of a format says. */
export type UsageReader = Pick<Wire, 'answerUsage' | 'usageEvent'>;

export const usageReaders: Record<UpstreamFormat, UsageReader> = { 'openai-chat': openaiChat, 'openai-responses': openaiResponses, 'openai-completions': openaiCompletions, 'anthropic-messages': anthropicMessages, 'bedrock-converse': bedrockConverse };
