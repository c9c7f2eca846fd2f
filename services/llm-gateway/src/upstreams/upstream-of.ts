import { DeclaredError } from '@deskhand/contracts';
import type { OutgoingHttp } from '../outgoing/outgoing-http.ts';
import { AnthropicUpstream } from './anthropic.ts';
import { AzureUpstream } from './azure.ts';
import { BearerToken } from './bearer-token.ts';
import { BedrockUpstream } from './bedrock.ts';
import { droppingParams } from './dropped-params.ts';
import { googleCredentials } from './google-token.ts';
import { OpenAiCompatibleUpstream } from './openai-compatible.ts';
import { compatibleProviders, ownProviders, providerNames, providerOf, type OwnProvider } from './providers.ts';
import { fetchToken } from './token-endpoint.ts';
import type { DeploymentParameters, ModelUpstream } from './upstream.ts';
import { VertexUpstream } from './vertex.ts';

/** What upstreams need of the service: the guarded client for tokens, and variables that stand in for what is not configured. */
export interface UpstreamServices {
  outgoing: Pick<OutgoingHttp, 'post' | 'timeouts'>;
  environment: Readonly<Record<string, string | undefined>>;
}

interface Named {
  provider: string;
  /** Without the provider. */
  name: string;
  parameters: DeploymentParameters;
  services: UpstreamServices;
}

/** The provider of a model's name and what is left of it. Throws `BAD_INPUT` for a provider that nobody here knows. */
export function splitModel(model: string, given?: string): { provider: string; name: string } {
  const slash = model.indexOf('/');
  const before = slash === -1 ? null : model.slice(0, slash);
  const provider = given ?? (before !== null && isKnown(before) ? before : before === null ? providerOf(model) : null);
  if (provider === null || !isKnown(provider)) {
    throw new DeclaredError('BAD_INPUT', provider === null && before === null ? `The model "${model}" names no provider: write it like openai/${model}.` : `The provider "${provider ?? before}" of the model "${model}" is not known. Known are ${providerNames.join(', ')}.`);
  }
  return { provider, name: before === provider ? model.slice(slash + 1) : model };
}

/** Whether a deployment is a wildcard whose models name their providers themselves. */
export const isOverAllProviders = (group: string, { model, custom_llm_provider: given }: Pick<DeploymentParameters, 'model' | 'custom_llm_provider'>): boolean => model.startsWith('*') && group.includes('*') && given === undefined;

const isOwn = (provider: string): provider is OwnProvider => (ownProviders as readonly string[]).includes(provider);
const isKnown = (provider: string): boolean => isOwn(provider) || Object.hasOwn(compatibleProviders, provider);

/** The way to a deployment's model. Throws `BAD_INPUT`, saying which parameter is missing or wrong. */
export function upstreamOf(parameters: DeploymentParameters, services: UpstreamServices): ModelUpstream {
  const named: Named = { ...splitModel(parameters.model, parameters.custom_llm_provider), parameters, services };
  const upstream = isOwn(named.provider) ? ownUpstream(named.provider, named) : compatible(named);
  return parameters.drop_params === true ? droppingParams(upstream) : upstream;
}

function ownUpstream(provider: OwnProvider, named: Named): ModelUpstream {
  switch (provider) {
    case 'anthropic': return anthropic(named);
    case 'azure': return azure(named);
    case 'bedrock': return bedrock(named);
    case 'vertex_ai': return vertex(named);
  }
}

function missing(parameter: string, model: string): never {
  throw new DeclaredError('BAD_INPUT', `${parameter} is missing for the model "${model}".`);
}

/** The first of these variables that is set. */
function fromEnvironment({ services }: Named, names: readonly string[]): string | null {
  return names.map((name) => services.environment[name]).find((value) => value !== undefined && value !== '') ?? null;
}

/** An address as configured; a bare origin gets `/v1` where APIs have their root there. */
function baseOf(text: string, model: string, version: string): string {
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) throw new DeclaredError('BAD_INPUT', `api_base of the model "${model}" is not an address: write it like https://api.example.com/v1.`);
  const url = new URL(text);
  if (url.username !== '' || url.password !== '') throw new DeclaredError('BAD_INPUT', `api_base of the model "${model}" may not hold a user name or password.`);
  return url.pathname === '/' ? url.origin + version : text.replace(/\/+$/, '');
}

function responsesOnly(name: string): { name: string; onlyResponses: boolean } {
  return name.startsWith('responses/') ? { name: name.slice('responses/'.length), onlyResponses: true } : { name, onlyResponses: false };
}

function compatible(named: Named): ModelUpstream {
  const { provider, parameters } = named;
  const vendor = compatibleProviders[provider]!;
  const given = parameters.api_base ?? fromEnvironment(named, vendor.bases ?? []);
  const base = given === null ? (vendor.base ?? missing('api_base', parameters.model)) : baseOf(given, parameters.model, '/v1').replace(/\/(chat\/completions|responses|embeddings)$/, '');
  const key = parameters.api_key ?? fromEnvironment(named, vendor.keys);
  // An address of one's own may need no key; a vendor's own does.
  if (key === null && vendor.keyless !== true && given === null) missing(`api_key (or ${vendor.keys[0]})`, parameters.model);
  const { name, onlyResponses } = responsesOnly(named.name);
  return new OpenAiCompatibleUpstream({ provider, model: name, base, key, organization: parameters.organization ?? null, extraHeaders: parameters.extra_headers ?? {}, onlyResponses });
}

function anthropic(named: Named): ModelUpstream {
  const { name, parameters } = named;
  const given = parameters.api_base ?? fromEnvironment(named, ['ANTHROPIC_API_BASE', 'ANTHROPIC_BASE_URL']);
  const key = parameters.api_key ?? fromEnvironment(named, ['ANTHROPIC_API_KEY']);
  if (key === null && given === null) missing('api_key (or ANTHROPIC_API_KEY)', parameters.model);
  return new AnthropicUpstream(name, given === null ? 'https://api.anthropic.com' : baseOf(given, parameters.model, ''), key, parameters.extra_headers ?? {}, parameters.base_model);
}

function azure(named: Named): ModelUpstream {
  const { parameters, services } = named;
  const base = parameters.api_base ?? fromEnvironment(named, ['AZURE_API_BASE']) ?? missing('api_base', parameters.model);
  const key = parameters.api_key ?? fromEnvironment(named, ['AZURE_API_KEY']);
  const { tenant_id: tenant, client_id: client, client_secret: secret, azure_ad_token: given } = parameters;
  let token: BearerToken | null = null;
  if (given !== undefined) token = new BearerToken(async () => ({ value: given, expiresAt: Infinity }));
  else if (tenant !== undefined && client !== undefined && secret !== undefined) {
    const endpoint = `https://login.microsoftonline.com/${encodeURIComponent(tenant)}/oauth2/v2.0/token`;
    token = new BearerToken(async () => fetchToken(services.outgoing, endpoint, { grant_type: 'client_credentials', client_id: client, client_secret: secret, scope: 'https://cognitiveservices.azure.com/.default' }));
  }
  if (token === null && key === null) missing('api_key (or azure_ad_token, or tenant_id with client_id and client_secret)', parameters.model);
  const { name, onlyResponses } = responsesOnly(named.name);
  const deployment = name.replace(/^(o_series|gpt5_series)\//, '');
  return new AzureUpstream({
    deployment, base: baseOf(base, parameters.model, ''), apiVersion: parameters.api_version ?? fromEnvironment(named, ['AZURE_API_VERSION']), key: token === null ? key : null, token,
    secrets: [key, secret, given].filter((value) => value != null), extraHeaders: parameters.extra_headers ?? {}, baseModel: parameters.base_model?.replace(/^azure\//, '') ?? deployment, onlyResponses,
  });
}

function bedrock(named: Named): ModelUpstream {
  const { parameters } = named;
  const bearer = parameters.aws_bearer_token_bedrock ?? parameters.api_key ?? (parameters.aws_access_key_id === undefined ? fromEnvironment(named, ['AWS_BEARER_TOKEN_BEDROCK']) : null);
  const path = /^(?:(converse|invoke|converse_like)\/)?(?:([a-z]{2}(?:-[a-z]+)+-\d)\/)?(.+)$/.exec(named.name);
  const model = path?.[3] ?? named.name;
  const region = parameters.aws_region_name ?? path?.[2] ?? /^arn:aws[\w-]*:bedrock:([\w-]+):/.exec(model)?.[1] ?? fromEnvironment(named, ['AWS_REGION_NAME', 'AWS_REGION', 'AWS_DEFAULT_REGION']) ?? missing('aws_region_name', parameters.model);
  const accessKeyId = parameters.aws_access_key_id ?? fromEnvironment(named, ['AWS_ACCESS_KEY_ID']);
  const secretAccessKey = parameters.aws_secret_access_key ?? fromEnvironment(named, ['AWS_SECRET_ACCESS_KEY']);
  const sessionToken = parameters.aws_session_token ?? (parameters.aws_access_key_id === undefined ? fromEnvironment(named, ['AWS_SESSION_TOKEN']) : null);
  if (bearer === null && (accessKeyId === null || secretAccessKey === null)) missing('aws_access_key_id with aws_secret_access_key (or aws_bearer_token_bedrock)', parameters.model);
  const base = parameters.aws_bedrock_runtime_endpoint ?? parameters.api_base ?? fromEnvironment(named, ['AWS_BEDROCK_RUNTIME_ENDPOINT']);
  const keys = { accessKeyId: accessKeyId ?? '', secretAccessKey: secretAccessKey ?? '', ...(sessionToken !== null && { sessionToken }) };
  return new BedrockUpstream({
    model, baseModel: parameters.base_model ?? model, region, base: base === null ? null : baseOf(base, parameters.model, ''), credentials: bearer === null ? keys : { bearer },
    converse: path?.[1] === 'converse', extraHeaders: parameters.extra_headers ?? {},
  });
}

function vertex(named: Named): ModelUpstream {
  const { name, parameters, services } = named;
  const json = parameters.vertex_credentials ?? missing('vertex_credentials', parameters.model);
  const { token, project, secrets } = googleCredentials(json, services.outgoing);
  return new VertexUpstream({
    model: name, base: parameters.api_base === undefined ? null : baseOf(parameters.api_base, parameters.model, ''), token, secrets, extraHeaders: parameters.extra_headers ?? {},
    project: parameters.vertex_project ?? fromEnvironment(named, ['VERTEXAI_PROJECT', 'GOOGLE_CLOUD_PROJECT']) ?? project ?? missing('vertex_project', parameters.model),
    location: parameters.vertex_location ?? fromEnvironment(named, ['VERTEXAI_LOCATION']) ?? 'us-central1',
  });
}
