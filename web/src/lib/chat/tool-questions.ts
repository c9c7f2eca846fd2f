/** What an approval asks, as a question. */
export function questionOf(name: string): string {
  if (name === 'bash') return 'Run this command?';
  if (name === 'write') return 'Write this file?';
  if (name === 'edit') return 'Edit this file?';
  if (name === 'read') return 'Read this file?';
  if (name === 'computer') return 'Do this on the desktop?';
  return `Use ${name}?`;
}
