import { expect, it } from 'vitest';
import { isSecretParameter } from './llm-models.ts';

it.each([
  'api_key', 'aws_access_key_id', 'aws_secret_access_key', 'aws_session_token', 'aws_bearer_token_bedrock', 'vertex_credentials', 'azure_ad_token', 'client_secret', 'extra_headers', 'azure_password', 'some_new_token', 's3_encryption_key_id', 'default_headers',
])('%s is a secret', (name) => expect(isSecretParameter(name)).toBe(true));

it.each([
  'model', 'api_base', 'api_version', 'rpm', 'tpm', 'max_tokens', 'input_cost_per_token', 'output_cost_per_token', 'cache_read_input_token_cost', 'cache_creation_input_token_cost', 'aws_region_name', 'vertex_project', 'tenant_id', 'client_id', 'tags', 'organization', 'custom_llm_provider',
])('%s is none', (name) => expect(isSecretParameter(name)).toBe(false));
