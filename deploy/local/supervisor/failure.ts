/** A start that cannot go on, told to the person in one sentence with the remedy; printed without a stack. */
export class StartFailure extends Error {
  override readonly name = 'StartFailure';
}
