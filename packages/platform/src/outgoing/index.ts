export { AddressPolicy, AddressRefused } from './address-policy.ts';
export { defaultPort, parseEndpointUrl } from './endpoint-url.ts';
export { AnswerTooLarge, guardedFetch, type GuardedFetch } from './guarded-fetch.ts';
export { guardedConnector, type Resolve } from './guarded-connector.ts';
