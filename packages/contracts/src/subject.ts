/**
 * One NATS subject token made of any string: letters, digits, `_` and `-` stay, everything else becomes `=` and
 * the hexadecimal UTF-16 unit, so that an id with a dot, a space or a wildcard can never reach another subject.
 */
export function subjectToken(value: string): string {
  if (value === '') throw new RangeError('A subject token may not be empty');
  return value.replace(/[^A-Za-z0-9_-]/g, (unit) => `=${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Fills `{placeholders}` of a subject from the fields of `data`; a missing one is an error. */
export function fillSubject(pattern: string, data: unknown): string {
  return pattern.replace(/\{(\w+)\}/g, (_, field: string) => {
    const value = (data as Record<string, unknown> | null)?.[field];
    if (typeof value !== 'string') throw new TypeError(`Subject ${pattern} needs the text field ${field}`);
    return subjectToken(value);
  });
}

/** The subscription that receives a pattern for every value of its placeholders. */
export function wildcardSubject(pattern: string): string {
  return pattern.replace(/\{\w+\}/g, '*');
}
