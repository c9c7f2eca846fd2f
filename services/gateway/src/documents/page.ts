type Json = Record<string, unknown>;

export const pageStyle = `
:root { color-scheme: light dark; --line: light-dark(#dcdcd8, #34343a); --quiet: light-dark(#5d5d62, #a3a3aa); --box: light-dark(#f6f6f3, #1d1d21); }
body { font: 15px/1.6 system-ui, sans-serif; max-width: 56rem; margin: 0 auto; padding: 2rem 1rem 4rem; background: light-dark(#fff, #141417); color: light-dark(#1b1b1f, #ececf0); }
h1 { font-size: 1.6rem; margin: 0 0 .25rem; } h2 { font-size: 1.1rem; margin: 2.5rem 0 .5rem; text-transform: capitalize; } h3 { font-size: .85rem; margin: 1rem 0 .25rem; color: var(--quiet); }
p { margin: .25rem 0; color: var(--quiet); } a { color: inherit; }
details { border: 1px solid var(--line); border-radius: 8px; margin: .5rem 0; } summary { display: flex; flex-wrap: wrap; gap: .25rem .75rem; padding: .5rem .75rem; cursor: pointer; align-items: baseline; }
summary b { font: 600 .75rem ui-monospace, monospace; min-width: 3.5rem; } summary code { font-size: .85rem; } summary span { color: var(--quiet); font-size: .85rem; }
details > div { padding: 0 .75rem .75rem; } pre { background: var(--box); border-radius: 8px; padding: .75rem; overflow: auto; font-size: .8rem; line-height: 1.5; margin: 0; }
`;

/** A page that shows an OpenAPI document: no script, nothing from elsewhere. */
export function documentPage(document: Json): string {
  const { title, description } = document.info as { title: string; description: string };
  const groups = new Map<string, string[]>();
  for (const [path, operations] of Object.entries(document.paths as Record<string, Record<string, Json>>)) {
    for (const [method, operation] of Object.entries(operations)) {
      const tag = (operation.tags as string[])[0]!;
      groups.set(tag, [...(groups.get(tag) ?? []), operationHtml(method, path, operation)]);
    }
  }
  const sections = [...groups].map(([tag, operations]) => `<section><h2>${escape(tag)}</h2>${operations.join('')}</section>`).join('');
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${escape(title)} API</title><style>${pageStyle}</style></head><body><main><h1>${escape(title)} API</h1><p>${escape(description)}</p><p><a href="/api/openapi.json">OpenAPI document</a> · <a href="/api/asyncapi.json">AsyncAPI document of the events</a></p>${sections}</main></body></html>`;
}

function operationHtml(method: string, path: string, operation: Json): string {
  const access = String(operation['x-access']);
  const body = (operation.requestBody as { content?: Record<string, Json> } | undefined)?.content?.['application/json']?.schema;
  const responses = operation.responses as Record<string, { content?: Record<string, Json> }>;
  const answers = Object.entries(responses).filter(([status]) => status !== 'default').map(([status, { content }]) => {
    const [type, value] = Object.entries(content ?? {})[0] ?? [];
    return part(`Answer ${status}${type === undefined ? '' : `, ${type}`}`, type === 'application/json' ? value!.schema : null);
  });
  return `<details><summary><b>${escape(method.toUpperCase())}</b><code>${escape(path)}</code><span>${escape(String(operation.summary))}${access === 'public' ? '' : ` · ${escape(access)}`}</span></summary><div>${part('Parameters', operation.parameters)}${part('Body', body)}${answers.join('')}</div></details>`;
}

function part(title: string, value: unknown): string {
  if (value === undefined) return '';
  return `<h3>${escape(title)}</h3>${value === null ? '' : `<pre>${escape(JSON.stringify(value, null, 2))}</pre>`}`;
}

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
