import { isMap, isScalar, isSeq, type LineCounter, type Node, type Pair } from 'yaml';

/** Takes what is wrong at a place. */
export interface Problems {
  add(line: number, text: string, place?: string): void;
}

/** What is wrong with the file, one line each. */
export class FileProblems implements Problems {
  readonly list: string[] = [];

  add(line: number, text: string): void {
    const problem = `line ${line}: ${text}`;
    // What aliases stand for is read wherever they are.
    if (!this.list.includes(problem)) this.list.push(problem);
  }
}

/** What stands before a variable's name. Where it still stands when a value is read, there is no such variable; what nobody reads needs none. */
export const variablePrefix = 'os.environ/';

type Kind = 'text' | 'number' | 'boolean';

/** A place in the file: a value with its line. Reads what it should be, and says with its line what it is not. */
export class Place {
  /** `name`: its whole path, for people. `key`: the last part of it, which may hold dots itself. */
  constructor(readonly node: Node | null, readonly name: string, private readonly lines: LineCounter, private readonly problems: Problems, private readonly fallbackLine = 1, readonly key: string = name) {}

  get line(): number {
    const start = this.node?.range?.[0];
    return start === undefined ? this.fallbackLine : this.lines.linePos(start).line;
  }

  get isAbsent(): boolean {
    return this.node === null || (isScalar(this.node) && this.node.value === null);
  }

  get isMapping(): boolean {
    return isMap(this.node);
  }

  get value(): unknown {
    return this.node?.toJSON() ?? null;
  }

  problem(text: string): void {
    this.problems.add(this.line, `${this.name} ${text}`, this.name);
  }

  /** The fields of a mapping in their order; none of what is absent. */
  fields(): Place[] {
    if (this.isAbsent) return [];
    if (!isMap(this.node)) {
      this.problem('must be a mapping');
      return [];
    }
    return (this.node.items as Pair[]).map(({ key, value }) => {
      const name = isScalar(key) ? String(key.value) : String(key);
      const at = isScalar(key) && key.range ? this.lines.linePos(key.range[0]).line : this.line;
      return this.below(name, value as Node | null, at);
    });
  }

  field(key: string): Place {
    return this.fields().find((place) => place.key === key) ?? this.below(key, null, this.line);
  }

  items(): Place[] {
    if (this.isAbsent) return [];
    if (!isSeq(this.node)) {
      this.problem('must be a list');
      return [];
    }
    return (this.node.items as Node[]).map((item, index) => new Place(item, `${this.name}[${index}]`, this.lines, this.problems, this.line));
  }

  text(): string | null {
    return this.read('text') as string | null;
  }

  number(): number | null {
    const value = this.read('number') as number | null;
    if (value !== null && value < 0) {
      this.problem('may not be negative');
      return null;
    }
    return value;
  }

  boolean(): boolean | null {
    return this.read('boolean') as boolean | null;
  }

  texts(): string[] {
    return this.items().flatMap((item) => item.text() ?? []);
  }

  private below(key: string, node: Node | null, line: number): Place {
    return new Place(node, this.name === '' ? key : `${this.name}.${key}`, this.lines, this.problems, line, key);
  }

  private read(kind: Kind): string | number | boolean | null {
    if (this.isAbsent) return null;
    const value: unknown = isScalar(this.node) ? this.node.value : undefined;
    if (typeof value === 'string' && value.startsWith(variablePrefix)) {
      this.problems.add(this.line, `the variable ${value.slice(variablePrefix.length)} is not set`, this.name);
      return null;
    }
    if (kind === 'text' && (typeof value === 'string' || typeof value === 'number')) return String(value);
    // Values that came out of a variable are texts.
    if (kind === 'number' && (typeof value === 'number' || (typeof value === 'string' && value.trim() !== '' && Number.isFinite(Number(value))))) return Number(value);
    if (kind === 'boolean' && typeof value === 'boolean') return value;
    if (kind === 'boolean' && typeof value === 'string' && /^(true|false)$/i.test(value)) return value.toLowerCase() === 'true';
    this.problem(`must be a ${kind}`);
    return null;
  }
}
