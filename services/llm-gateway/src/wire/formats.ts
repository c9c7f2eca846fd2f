/** Formats that clients speak to this gateway. Wider than the contract's: an agent's codecs know two of them. */
export type ApiFormat = 'openai-chat' | 'openai-responses' | 'anthropic-messages';

/** Formats in which a provider is called; Converse is spoken by Bedrock for models that are not Anthropic's. */
export type UpstreamFormat = ApiFormat | 'bedrock-converse';
