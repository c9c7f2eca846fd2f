/**
 * What has to be added to the end of a growing text so that emphasis, code and links that are still open already look
 * like what they will be, and no bare marks flash up.
 */
export function closeMarks(text: string): string {
  const paragraph = text.slice(text.lastIndexOf('\n\n') + 1);
  if (/^ {0,3}(```|~~~)/m.test(paragraph)) return '';
  const withoutCode = paragraph.replace(/`[^`\n]+`/g, '');
  if ((withoutCode.match(/`/g) ?? []).length % 2 === 1) return paragraph.endsWith('`') ? '' : '`';
  const link = /\[[^\]\n]*\]\([^)\s]*$/.test(withoutCode) ? ')' : '';
  const strong = withoutCode.match(/\*\*/g) ?? [];
  if (strong.length % 2 === 1 && /\*\*\S[^\n]*$/.test(withoutCode)) return `${link}${withoutCode.endsWith('*') ? '*' : '**'}`;
  return link;
}

/** Where the content of a fenced block that starts at `start` begins and what line would end it; null when it is no fence, or one that is indented. */
export function openFence(source: string, start: number): { end: RegExp; content: number } | null {
  const fence = /^(`{3,}|~{3,})[^\n]*\n/.exec(source.slice(start, start + 1_000));
  if (!fence) return null;
  const mark = fence[1]!;
  const end = new RegExp(`^ {0,3}${mark[0] === '`' ? '`' : '~'}{${mark.length},}[ \\t]*$`);
  const content = start + fence[0].length;
  return source.slice(content).split('\n').some((line) => end.test(line)) ? null : { end, content };
}
