/** The part of better-sqlite3 that opening a file needs; the package brings no types. */
declare module 'better-sqlite3' {
  export interface Statement {
    reader: boolean;
    all(parameters: readonly unknown[]): unknown[];
    run(parameters: readonly unknown[]): { changes: number | bigint; lastInsertRowid: number | bigint };
    iterate(parameters: readonly unknown[]): IterableIterator<unknown>;
    /** From now on its rows are arrays. */
    raw(on: true): this;
    columns(): { name: string }[];
  }

  export default class Database {
    constructor(file: string, options?: { timeout?: number });
    pragma(source: string): unknown;
    prepare(source: string): Statement;
    close(): void;
  }
}
