import type { ApiFormat, CalledFormat } from '../formats.ts';
import type { Dialect } from '../translation.ts';
import { sayAnthropicAnswer, AnthropicStreamReader } from './anthropic/read-stream.ts';
import { readAnthropicRequest } from './anthropic/read-request.ts';
import { writeAnthropicAnswer } from './anthropic/write-answer.ts';
import { writeAnthropicRequest } from './anthropic/write-request.ts';
import { AnthropicStreamWriter } from './anthropic/write-stream.ts';
import { readChatRequest } from './chat/read-request.ts';
import { ChatStreamReader, sayChatAnswer } from './chat/read-stream.ts';
import { writeChatAnswer } from './chat/write-answer.ts';
import { writeChatRequest } from './chat/write-request.ts';
import { ChatStreamWriter } from './chat/write-stream.ts';
import { readCompletionRequest } from './completions/read-request.ts';
import { writeCompletionAnswer } from './completions/write-answer.ts';
import { CompletionStreamWriter } from './completions/write-stream.ts';
import { readResponsesRequest } from './responses/read-request.ts';
import { ResponsesStreamReader, sayResponsesAnswer } from './responses/read-stream.ts';
import { writeResponsesAnswer } from './responses/write-answer.ts';
import { writeResponsesRequest } from './responses/write-request.ts';
import { ResponsesStreamWriter } from './responses/write-stream.ts';
import { ConverseStreamReader, sayConverseAnswer } from './converse/read-stream.ts';
import { writeConverseRequest } from './converse/write-request.ts';
import type { CollectedTurn } from './collected-turn.ts';
import type { Fields } from './fields.ts';
import type { ModelRequest } from './model-request.ts';
import type { StreamReader } from './stream-reader.ts';
import type { ToolNames } from './tool-names.ts';
import type { TurnSink } from './turn-sink.ts';

/** One call as its writers need to know it: what was asked, in the client's own body. */
export interface Asked {
  request: ModelRequest;
  body: Fields;
  /** Unix seconds. */
  created: number;
  /** Items of a response, as they become whole. */
  items: Fields[];
}

/** A format as clients speak it. */
export interface ClientSide {
  read(body: Fields): ModelRequest;
  writer(asked: Asked, emit: (text: string) => void): TurnSink;
  answer(asked: Asked, turn: CollectedTurn): Fields;
}

/** A format as providers speak it. */
export interface UpstreamSide {
  write(request: ModelRequest, names: ToolNames, dialect: Dialect): Fields;
  /** Whether it takes a stop sequence; the others are looked for in what it says. */
  takesStop(word: string, dialect: Dialect): boolean;
  reader(sink: TurnSink): StreamReader;
  /** Says a whole answer; false when it is not one. */
  say(answer: Fields, sink: TurnSink): boolean;
}

export const clientSides: Record<ApiFormat, ClientSide> = {
  'openai-chat': {
    read: readChatRequest,
    writer: ({ request, created }, emit) => new ChatStreamWriter(emit, request.model, created, request.wantsUsage),
    answer: ({ request, created }, turn) => writeChatAnswer(turn, request.model, created),
  },
  'openai-responses': {
    read: readResponsesRequest,
    writer: ({ request, body, created, items }, emit) => new ResponsesStreamWriter(emit, request.model, created, body, items),
    answer: ({ request, body, created, items }, turn) => writeResponsesAnswer(turn, request.model, created, body, items),
  },
  'anthropic-messages': {
    read: readAnthropicRequest,
    writer: ({ request }, emit) => new AnthropicStreamWriter(emit, request.model),
    answer: ({ request }, turn) => writeAnthropicAnswer(turn, request.model),
  },
  'openai-completions': {
    read: readCompletionRequest,
    writer: ({ request, created }, emit) => new CompletionStreamWriter(emit, request.model, created, request.wantsUsage),
    answer: ({ request, created }, turn) => writeCompletionAnswer(turn, request.model, created),
  },
};

export const upstreamSides: Record<CalledFormat, UpstreamSide> = {
  'openai-chat': { write: writeChatRequest, takesStop: (_, dialect) => dialect.sampling !== false, reader: (sink) => new ChatStreamReader(sink), say: sayChatAnswer },
  'openai-responses': { write: writeResponsesRequest, takesStop: () => false, reader: (sink) => new ResponsesStreamReader(sink), say: sayResponsesAnswer },
  'anthropic-messages': { write: writeAnthropicRequest, takesStop: (word) => word.trim() !== '', reader: (sink) => new AnthropicStreamReader(sink), say: sayAnthropicAnswer },
  'bedrock-converse': { write: writeConverseRequest, takesStop: () => true, reader: (sink) => new ConverseStreamReader(sink), say: sayConverseAnswer },
};
