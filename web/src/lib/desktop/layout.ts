export type Layout = 'chat' | 'side' | 'desktop';

export const layouts: readonly Layout[] = ['chat', 'side', 'desktop'];

/** Below this there is no room for two. */
export const twoFitQuery = '(min-width: 901px)';

interface Choice {
  /** What the person chose for this conversation; null until they do. */
  chosen: Layout | null;
  /** The one in sight where only one fits. */
  tab: 'chat' | 'desktop';
  /** Whether its desktop has been used. */
  used: boolean;
  twoFit: boolean;
}

/** What a conversation's page shows. Beside the chat by itself once the desktop is used; otherwise as was chosen. */
export function layoutOf({ chosen, tab, used, twoFit }: Choice): Layout {
  if (!twoFit) return tab;
  return chosen ?? (used ? 'side' : 'chat');
}

/** How many conversations' choices are kept. */
const mostKept = 60;

/** The choices with one more; the oldest leave. */
export function withChoice(choices: Readonly<Record<string, Layout>>, id: string, layout: Layout): Record<string, Layout> {
  const others = Object.entries(choices).filter(([other]) => other !== id);
  return Object.fromEntries([...others, [id, layout] as const].slice(-mostKept));
}

/** Choices as they were kept; what is not one is left out. */
export function choicesFrom(text: string | null): Record<string, Layout> {
  try {
    const value: unknown = JSON.parse(text ?? '{}');
    if (typeof value !== 'object' || value === null) return {};
    return Object.fromEntries(Object.entries(value).filter((entry): entry is [string, Layout] => layouts.includes(entry[1] as Layout)));
  } catch {
    return {};
  }
}

export const shareLimits = { least: 25, most: 75, usual: 54 } as const;

/** The desktop's share of the width in percent. */
export function shareFrom(value: unknown): number {
  const share = Math.round(Number(value) * 10) / 10;
  return value === null || !Number.isFinite(share) || share <= 0 ? shareLimits.usual : Math.min(shareLimits.most, Math.max(shareLimits.least, share));
}
