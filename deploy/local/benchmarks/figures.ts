import type { Benchmark, FigureDeclaration } from '../../../bench/benchmark.ts';

export interface MeasuredFigure extends FigureDeclaration {
  readonly benchmark: string;
  readonly value: number;
}

/** Puts values beside their declarations. Throws when one is missing, surplus or not a number. */
export function measured({ name, figures }: Benchmark, values: Readonly<Record<string, number>>): MeasuredFigure[] {
  const surplus = Object.keys(values).filter((key) => !figures.some((figure) => figure.name === key));
  if (surplus.length > 0) throw new Error(`${name} reported figures that it does not declare: ${surplus.join(', ')}`);
  return figures.map((figure) => {
    const value = values[figure.name];
    if (value === undefined || !Number.isFinite(value)) throw new Error(`${name} reported no ${figure.name}`);
    return { ...figure, benchmark: name, value };
  });
}

/** `NAME.figure  value unit` */
export const figureLine = ({ benchmark, name, value, unit }: MeasuredFigure): string => `${benchmark}.${name}  ${rounded(value)} ${unit}`;

/** Sentences about figures outside the bounds of the small run. */
export function outOfBounds(figures: readonly MeasuredFigure[]): string[] {
  return figures
    .filter(({ value, least = -Infinity, most = Infinity }) => value < least || value > most)
    .map((figure) => `${figureLine(figure)} is outside ${figure.least ?? '-'} to ${figure.most ?? '-'}`);
}

function rounded(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toFixed(Math.abs(value) < 10 ? 2 : 1);
}
