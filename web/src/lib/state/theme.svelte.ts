import { remember, remembered } from './storage.ts';

export type Theme = 'system' | 'light' | 'dark';

/** The chosen theme. `static/theme.js` reads the same key before the first paint. */
export class ThemeChoice {
  value = $state<Theme>(themeOf(remembered('theme')));

  choose(theme: Theme): void {
    this.value = theme;
    remember('theme', theme === 'system' ? null : theme);
    if (theme === 'system') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
  }
}

function themeOf(text: string | null): Theme {
  return text === 'light' || text === 'dark' ? text : 'system';
}
