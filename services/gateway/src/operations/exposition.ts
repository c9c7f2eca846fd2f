import type { MetricSample, ServiceName } from '@deskhand/contracts';

const escaped = (text: string): string => text.replace(/\\/g, '\\\\').replace(/\n/g, '\\n').replace(/"/g, '\\"');

/** Figures of services in Prometheus' text format, each with its service; figures of one name stand together. */
export function exposition(services: readonly { service: ServiceName; samples: readonly MetricSample[] }[]): string {
  const families = new Map<string, string[]>();
  for (const { service, samples } of services) {
    for (const { name, help, type, value, labels } of samples) {
      const lines = families.get(name) ?? [`# HELP ${name} ${escaped(help)}`, `# TYPE ${name} ${type}`];
      families.set(name, lines);
      const all = Object.entries({ service, ...labels }).map(([label, text]) => `${label}="${escaped(text)}"`);
      lines.push(`${name}{${all.join(',')}} ${value}`);
    }
  }
  return [...families.values()].flat().map((line) => `${line}\n`).join('');
}
