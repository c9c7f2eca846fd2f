import { api, type Route } from '@deskhand/contracts';
import { PATH_METADATA } from '@nestjs/common/constants.js';
import { MetadataScanner } from '@nestjs/core';
import { routeKey } from './handles.ts';

/**
 * Stops the start when a handler has no declared route, when two handlers share one, or when a declared route has no handler:
 * what the API document says and what is served are the same, and nothing is served without a declared access.
 */
export function assertAllRoutesDeclared(controllers: readonly (new (...parts: never[]) => object)[]): void {
  const served = new Map<Route, string>();
  for (const controller of controllers) {
    for (const method of new MetadataScanner().getAllMethodNames(controller.prototype as object)) {
      const handler = (controller.prototype as Record<string, object>)[method]!;
      if (Reflect.getMetadata(PATH_METADATA, handler) === undefined) continue;
      const place = `${controller.name}.${method}`;
      const route = Reflect.getMetadata(routeKey, handler) as Route | undefined;
      if (route === undefined) throw new Error(`${place} handles HTTP requests without a declared route`);
      const other = served.get(route);
      if (other !== undefined) throw new Error(`${place} and ${other} handle the same route`);
      served.set(route, place);
    }
  }
  const missing = Object.values<Route>(api).filter((route) => !served.has(route));
  if (missing.length > 0) throw new Error(`Nothing handles ${missing.map(({ method, path }) => `${method} ${path}`).join(', ')}`);
}

const declared = Object.values<Route>(api).map(({ method, path, bodyLimit }) => ({ method: method as string, path, bodyLimit, pattern: new RegExp(`^${path.replace(/:\w+/g, '[^/]+')}$`) }));

/** Whether the router may take this route: whatever adds one, it has to be in the contract. */
export function isDeclared(method: string, path: string): boolean {
  return declared.some((route) => route.path === path && (route.method === method || (route.method === 'GET' && method === 'HEAD')));
}

/** Bytes of a body that a route takes, where it says so. */
export function bodyLimitOf(methods: readonly string[], path: string): number | undefined {
  return declared.find((route) => route.path === path && methods.includes(route.method))?.bodyLimit;
}

/** The methods that a path has, for requests with another one. */
export function methodsOf(path: string): string[] {
  return declared.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method);
}
