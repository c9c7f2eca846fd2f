export interface UrlParts {
  origin: string;
  /** Without a slash at its end. */
  path: string;
  /** With its `?`. */
  query: string;
}

export function splitUrl(text: string): UrlParts {
  const url = new URL(text);
  return { origin: url.origin, path: url.pathname.replace(/\/+$/, ''), query: url.search };
}

/** A root and an endpoint's path; a root that ends with that path already is the endpoint itself. */
export function joined(root: string, path: string): string {
  return root.endsWith(path) ? root : root + path;
}
