import { DeclaredError, isSecretParameter } from '@deskhand/contracts';
import { parseEndpointUrl, type AddressPolicy } from '@deskhand/platform/outgoing';
import { Document, LineCounter, type Node } from 'yaml';
import type { ModelEntry } from '../configuration/gateway-file.ts';
import { readModel } from '../configuration/read-model.ts';
import { Place } from '../configuration/yaml-place.ts';
import { splitModel } from '../upstreams/upstream-of.ts';

/** A model as LiteLLM's API writes it. */
export interface ModelDefinition {
  group: string;
  /** `litellm_params` */
  parameters: Readonly<Record<string, unknown>>;
  /** `model_info` */
  info: Readonly<Record<string, unknown>>;
}

const addressParameters = ['api_base', 'base_url', 'aws_bedrock_runtime_endpoint'] as const;
/** They become part of a host's name. */
const placeParameters = ['aws_region_name', 'vertex_location'] as const;
const longest = 64 * 1024;

/** `BAD_INPUT` that names the field, as every refusal of a model does. */
export function badField(field: string, why: string): DeclaredError {
  return new DeclaredError('BAD_INPUT', `${field}: ${why}`, { field });
}

/** Without everything that may never be shown. */
export function publicParameters(parameters: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(parameters).filter(([name]) => !isSecretParameter(name)));
}

/** The secrets that it has, by name. */
export function secretsOf(parameters: Readonly<Record<string, unknown>>): string[] {
  return Object.keys(parameters).filter((name) => isSecretParameter(name) && parameters[name] != null);
}

/** What decides where its secrets are sent. */
export function destinationOf({ parameters }: ModelDefinition): string {
  const { provider } = splitModel(String(parameters.model), typeof parameters.custom_llm_provider === 'string' ? parameters.custom_llm_provider : undefined);
  return JSON.stringify([provider, ...[...addressParameters, ...placeParameters, 'tenant_id'].map((name) => parameters[name] ?? null)]);
}

/** Whether it says itself where it is: then a variable's key is none of its business. */
export function hasOwnAddress(parameters: Readonly<Record<string, unknown>>): boolean {
  return addressParameters.some((name) => parameters[name] != null);
}

/**
 * What a definition means to routing. Addresses are held to the rules of users' own providers. Throws `BAD_INPUT` that names
 * the field; `unused` are the parameters that do nothing here.
 */
export function readDefinition(id: string, { group, parameters, info }: ModelDefinition, policy: AddressPolicy): { entry: ModelEntry; unused: string[] } {
  if (typeof parameters.model !== 'string' || parameters.model.trim() === '') throw badField('litellm_params.model', 'is missing: write it like openai/gpt-5.5.');
  if (parameters.model.startsWith('*')) throw badField('litellm_params.model', 'must name a provider: * over all of them is for the configuration file.');
  const text = JSON.stringify([parameters, info]);
  if (text.length > longest) throw badField('litellm_params', `must be smaller than ${longest / 1024} KB together with model_info.`);
  if (text.includes('"os.environ/')) throw badField(variableField(parameters) ?? 'model_info', 'os.environ/… is read in the configuration file only. Give the value itself, or leave a key out where the provider\'s own variable is set.');
  for (const name of addressParameters) checkAddress(name, parameters[name], policy);
  for (const name of placeParameters) {
    const value = parameters[name];
    if (value != null && !(typeof value === 'string' && /^[a-z0-9-]{1,40}$/.test(value))) throw badField(`litellm_params.${name}`, 'may hold small letters, digits and dashes only.');
  }
  checkHeaders(parameters);
  const problems: { place: string; text: string }[] = [];
  const unused: string[] = [];
  const document = new Document({ model_name: group, litellm_params: parameters, model_info: { ...info, id } });
  const place = new Place(document.contents as Node | null, '', new LineCounter(), { add: (_, words, at = '') => void problems.push({ place: at, text: words }) });
  const entry = readModel(place, (at) => { if (at.name.startsWith('litellm_params.')) unused.push(at.name); });
  const problem = problems[0];
  if (problem) throw new DeclaredError('BAD_INPUT', `${problem.text.trim()}${problem.text.endsWith('.') ? '' : '.'}`, { field: problem.place });
  if (entry === null) throw badField('model_name', 'is missing.');
  return { entry: { ...entry, line: 0 }, unused };
}

function variableField(parameters: Readonly<Record<string, unknown>>): string | null {
  const name = Object.keys(parameters).find((key) => JSON.stringify(parameters[key] ?? null).includes('"os.environ/'));
  return name === undefined ? null : `litellm_params.${name}`;
}

function checkAddress(name: string, value: unknown, policy: AddressPolicy): void {
  if (value == null) return;
  if (typeof value !== 'string') throw badField(`litellm_params.${name}`, 'must be text.');
  try {
    parseEndpointUrl(value, policy);
  } catch (error) {
    if (error instanceof DeclaredError) throw badField(`litellm_params.${name}`, error.message);
    throw error;
  }
}

/** What ends up in headers must fit into one; what belongs to the connection is not for a model to say. */
function checkHeaders(parameters: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(parameters)) {
    if (name === 'vertex_credentials' || typeof value !== 'string') continue;
    if ((isSecretParameter(name) || name === 'organization') && !/^[\x21-\x7e]{1,10000}$/.test(value)) throw badField(`litellm_params.${name}`, 'may hold letters, digits and signs only, no spaces or line breaks.');
  }
  const headers = parameters.extra_headers;
  if (headers == null) return;
  if (typeof headers !== 'object' || Array.isArray(headers)) throw badField('litellm_params.extra_headers', 'must be an object of names and texts.');
  for (const [name, value] of Object.entries(headers)) {
    if (!/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$/.test(name) || /^(host|connection|content-length|transfer-encoding|upgrade|te|trailer|expect|keep-alive)$/i.test(name)) throw badField('litellm_params.extra_headers', `${name.slice(0, 100)} cannot be set.`);
    if (typeof value !== 'string' || !/^[\x20-\x7e\t]{0,10000}$/.test(value)) throw badField('litellm_params.extra_headers', `the value of ${name} must be printable text.`);
  }
}
