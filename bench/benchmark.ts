/** One number that a benchmark reports. */
export interface FigureDeclaration {
  /** Printed as `<benchmark>.<name>`. */
  readonly name: string;
  readonly unit: string;
  /** One sentence: what was measured, from where to where. */
  readonly how: string;
  /** Bounds for the small run in `npm test`, loose enough for a busy machine. */
  readonly least?: number;
  readonly most?: number;
}

export interface BenchmarkOptions {
  /** 1 for the whole size, a fraction for a smoke test; `scaled` applies it. */
  readonly size: number;
  /** Tells the person at the terminal what goes on; never part of the figures. */
  readonly say: (text: string) => void;
}

/** What a `bench/<name>.bench.ts` exports as `benchmark`. */
export interface Benchmark {
  readonly name: string;
  readonly figures: readonly FigureDeclaration[];
  /** Not part of `npm test`. */
  readonly onlyWhenAsked?: boolean;
  /** Values by figure name. Throws when the measurement itself failed. */
  readonly run: (options: BenchmarkOptions) => Promise<Readonly<Record<string, number>>>;
}

/** A count of the whole benchmark at the wanted size: at least one, or `least`. */
export const scaled = (whole: number, { size }: Pick<BenchmarkOptions, 'size'>, least = 1): number => Math.max(least, Math.round(whole * size));

/** The value below which this share of the samples lies (nearest rank). NaN of no samples. */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((one, other) => one - other);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}
