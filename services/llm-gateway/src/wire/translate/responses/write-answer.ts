import type { CollectedTurn } from '../collected-turn.ts';
import type { Fields } from '../fields.ts';
import { itemOf, responseId, wholeItem } from './items.ts';
import { endedFields, repeated } from './response-object.ts';

/** A whole response; its items are put into `output`. */
export function writeResponsesAnswer(turn: CollectedTurn, model: string, created: number, body: Fields, output: Fields[]): Fields {
  output.push(...turn.blocks.map(({ block, text, proof }) => wholeItem(itemOf(block), block, text, proof)));
  const said = turn.blocks.some(({ block }) => block.type === 'refusal') && turn.stop === 'refusal' ? 'end' : turn.stop;
  return { ...endedFields({ id: responseId(turn.id), model, created }, output, said, turn.usage), ...repeated(body) };
}
