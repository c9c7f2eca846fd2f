export { AddressPolicy, AddressRefused } from './address-policy.ts';
export { defaultPort, parseEndpointUrl } from './endpoint-url.ts';
export { guardedConnector, type Resolve } from './guarded-connector.ts';
