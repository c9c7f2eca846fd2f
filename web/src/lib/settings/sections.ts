/** The pages of the settings that everybody has. */
export const own = [
  { href: '/settings', label: 'Account' },
  { href: '/settings/providers', label: 'Providers' },
  { href: '/settings/tokens', label: 'API tokens' },
  { href: '/settings/usage', label: 'Usage' },
  { href: '/settings/appearance', label: 'Appearance' },
  { href: '/settings/notifications', label: 'Notifications' },
  { href: '/settings/archived', label: 'Archived' },
];

/** Those that only administrators have. */
export const administration = [
  { href: '/settings/models', label: 'Models' },
  { href: '/settings/keys', label: 'Virtual keys' },
  { href: '/settings/mcp-servers', label: 'MCP servers' },
  { href: '/settings/users', label: 'Users' },
  { href: '/settings/usage/everyone', label: 'Everyone’s usage' },
  { href: '/settings/containers', label: 'Containers' },
];
