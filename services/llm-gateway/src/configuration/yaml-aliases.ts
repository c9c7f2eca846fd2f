import { isAlias, isMap, isScalar, isSeq, type Alias, type Document, type Node, type Pair, type YAMLMap } from 'yaml';

/** What a file may be with everything in it that its aliases stand for: a few lines of aliases can stand for millions. */
const mostNodes = 100_000;

/**
 * Puts what an alias stands for in its place, and what is merged into a mapping (`<<`) beside its own fields, which win: as PyYAML,
 * and so LiteLLM, reads a file. `problem` hears of an alias that cannot be followed.
 */
export function followAliases(document: Document.Parsed, problem: (at: Node, words: string) => void): void {
  const anchors = new Map<string, Node>();
  const open = new Set<Node>();
  const sizes = new Map<Node, number>();

  /** The node that is to stand there. */
  const follow = (node: Node | null): Node | null => {
    if (node === null) return null;
    if (isAlias(node)) return target(node);
    if (node.anchor !== undefined) anchors.set(node.anchor, node);
    open.add(node);
    let children: (Node | null)[] = [];
    if (isMap(node)) {
      for (const pair of node.items as Pair<Node | null, Node | null>[]) [pair.key, pair.value] = [follow(pair.key), follow(pair.value)];
      merge(node, problem);
      children = (node.items as Pair<Node | null, Node | null>[]).map(({ value }) => value);
    } else if (isSeq(node)) {
      children = node.items = (node.items as Node[]).map(follow);
    }
    open.delete(node);
    sizes.set(node, children.reduce((sum, child) => sum + (child === null ? 0 : (sizes.get(child) ?? 0)), 1));
    return node;
  };

  const target = (alias: Alias): Node | null => {
    const node = anchors.get(alias.source);
    const words = node === undefined ? 'stands for nothing' : open.has(node) ? 'stands for something that it is in' : null;
    if (words !== null || node === undefined) {
      problem(alias, `*${alias.source} ${words}`);
      return null;
    }
    return node;
  };

  const contents = follow(document.contents);
  if (contents !== null && (sizes.get(contents) ?? 0) > mostNodes) {
    problem(contents, `is larger than ${mostNodes} values with its aliases`);
    return;
  }
  document.contents = contents as typeof document.contents;
}

/** A field that is there already stays: a mapping's own before merged ones, of several merged mappings the first one's. */
function merge(map: YAMLMap, problem: (at: Node, words: string) => void): void {
  const pairs = map.items as Pair<Node | null, Node | null>[];
  const isMerge = ({ key }: Pair<Node | null>): boolean => isScalar(key) && typeof key.value === 'symbol';
  if (!pairs.some(isMerge)) return;
  const own = pairs.filter((pair) => !isMerge(pair));
  const names = new Set(own.map(({ key }) => String(key)));
  for (const { value } of pairs.filter(isMerge)) {
    for (const source of isSeq(value) ? (value.items as Node[]) : [value]) {
      if (!isMap(source)) {
        if (source !== null) problem(source, '<< must be a mapping, or a list of mappings');
        continue;
      }
      for (const pair of source.items) {
        if (names.has(String(pair.key))) continue;
        names.add(String(pair.key));
        own.push(pair as Pair<Node | null, Node | null>);
      }
    }
  }
  map.items = own;
}
