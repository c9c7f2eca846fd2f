/** Formats of conversations, which clients and providers speak alike. Wider than the contract's: an agent's codecs know two of them. */
export type ConversationFormat = 'openai-chat' | 'openai-responses' | 'anthropic-messages';

/** Formats that clients speak to this gateway. */
export type ApiFormat = ConversationFormat | 'openai-completions';

/** All of them; Converse is spoken by Bedrock for models that are not Anthropic's. */
export type UpstreamFormat = ApiFormat | 'bedrock-converse';

/** Those in which a provider is called: never the older completions, which few models have. */
export type CalledFormat = ConversationFormat | 'bedrock-converse';
