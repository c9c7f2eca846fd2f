import type { IncomingMessage, ServerResponse } from 'node:http';
import { DeclaredError, type ConfiguredModel } from '@deskhand/contracts';
import { z } from 'zod';
import type { Caller, Callers } from '../keys/callers.ts';
import { mayUse } from '../keys/virtual-keys.ts';
import type { ModelViews } from '../models/model-views.ts';
import type { AddedModel, ModelsService } from '../models/models.service.ts';
import { WireError } from '../wire/wire-format.ts';
import { answerJson } from './answers.ts';
import { queryOf, readSettings } from './settings-request.ts';

export interface ModelRoutesParts {
  models: ModelsService;
  views: ModelViews;
  callers: Callers;
}

type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

const fields = z.record(z.string(), z.unknown());
const newModel = z.object({ model_name: z.string().trim().min(1).max(300), litellm_params: fields, model_info: fields.nullish() });
const changedModel = z.object({ model_name: z.string().trim().min(1).max(300).nullish(), litellm_params: fields.nullish(), model_info: z.looseObject({ id: z.string().min(1) }) });
/** LiteLLM's own client names the model beside `model_info`. */
const changeById = z.looseObject({ id: z.string().min(1), model_info: fields.nullish() }).transform(({ id, ...body }): unknown => ({ ...body, model_info: { ...body.model_info, id } })).pipe(changedModel);
const namedModel = z.object({ id: z.string().min(1).max(300) });
const abilities = ['supports_parallel_function_calling', 'supports_vision', 'supports_web_search', 'supports_reasoning', 'supports_function_calling'] as const;

/** LiteLLM's API for models that are added while running, and for what is known of all of them. */
export class ModelRoutes {
  /** By path; all take POST unless they are listed in `reads`. */
  readonly routes: ReadonlyMap<string, Handler>;
  readonly reads: ReadonlySet<string> = new Set(['/model/info', '/v1/model/info', '/model_group/info']);

  constructor(private readonly parts: ModelRoutesParts) {
    const { models } = parts;
    const info = this.reading(async (query, caller) => this.info(query, caller));
    this.routes = new Map<string, Handler>([
      ['/model/new', this.changing(newModel, async (body) => this.row(await models.add({ group: body.model_name, parameters: body.litellm_params, info: body.model_info ?? {} })))],
      // LiteLLM's clients send whole models with nulls for what they do not mean to change.
      ['/model/update', this.changing(z.union([changedModel, changeById]), async (body) => this.row(await models.change(body.model_info.id, { ...(body.model_name != null && { group: body.model_name }), parameters: given(body.litellm_params), info: given(body.model_info) })))],
      ['/model/delete', this.changing(namedModel, async ({ id }) => this.remove(id))],
      ['/model/info', info], ['/v1/model/info', info],
      ['/model_group/info', this.reading(async (query, caller) => this.groups(query, caller))],
    ]);
  }

  private changing<Body>(schema: z.ZodType<Body>, work: (body: Body) => Promise<object>): Handler {
    return async (request, response) => {
      if ((await this.parts.callers.identify(request.headers)).kind !== 'master') throw new WireError('forbidden', 'Models are managed with the master key.');
      const settings = await readSettings(schema, request);
      try {
        answerJson(response, 200, await work(settings));
      } catch (error) {
        // As LiteLLM answers what is not there, or not to be changed here.
        if (error instanceof DeclaredError) throw new WireError('bad-request', error.message, typeof error.details?.field === 'string' ? error.details.field : null);
        throw error;
      }
    };
  }

  private reading(work: (query: URLSearchParams, caller: Caller) => Promise<object>): Handler {
    return async (request, response) => {
      const caller = await this.parts.callers.identify(request.headers);
      if (caller.kind === 'run') throw new WireError('forbidden', 'The key of a run is for calls only.');
      answerJson(response, 200, await work(queryOf(request), caller));
    };
  }

  private async row(model: AddedModel): Promise<object> {
    const { id, model_name, litellm_params, model_info, created_at, updated_at, unused } = await this.parts.views.ofAdded(model);
    const by = { created_by: 'master key', updated_by: 'master key' };
    return { model_id: id, model_name, litellm_params, model_info: { ...model_info, id, db_model: true }, created_at, updated_at, ...by, ...(unused.length > 0 && { warnings: unused.map((name) => `${name} has no effect here`) }) };
  }

  private async remove(id: string): Promise<object> {
    await this.parts.models.remove(id);
    return { message: `Model: ${id} deleted successfully` };
  }

  private async info(query: URLSearchParams, caller: Caller): Promise<object> {
    const id = query.get('litellm_model_id');
    const models = (await this.visible(caller)).filter((model) => id === null || model.id === id);
    if (id !== null && models.length === 0) throw new WireError('bad-request', `There is no model with the id ${id.slice(0, 200)}.`, 'litellm_model_id', 'model_not_found');
    return { data: models.map((model) => ({ model_name: model.model_name, litellm_params: model.litellm_params, model_info: infoOf(model) })) };
  }

  private async groups(query: URLSearchParams, caller: Caller): Promise<object> {
    const wanted = query.get('model_group');
    const models = await this.visible(caller);
    const names = [...new Set(models.map(({ model_name }) => model_name))].filter((name) => wanted === null || name === wanted);
    return { data: names.map((name) => groupOf(name, models.filter(({ model_name }) => model_name === name))) };
  }

  private async visible(caller: Caller): Promise<ConfiguredModel[]> {
    const models = await this.parts.views.list();
    return caller.kind === 'key' ? models.filter(({ model_name }) => caller.key.models.every((allowed) => mayUse(allowed, model_name))) : models;
  }
}

const given = (values: Readonly<Record<string, unknown>> | null | undefined): Record<string, unknown> => Object.fromEntries(Object.entries(values ?? {}).filter(([, value]) => value !== null));

function infoOf({ id, source, provider, model, prices, context_window, mode, model_info, litellm_params }: ConfiguredModel): object {
  return {
    ...model_info, id, db_model: source === 'database', key: model, litellm_provider: provider, mode: mode ?? 'chat', max_tokens: numberOr(model_info.max_tokens), max_input_tokens: context_window, max_output_tokens: numberOr(model_info.max_output_tokens),
    input_cost_per_token: prices.input, output_cost_per_token: prices.output, cache_read_input_token_cost: prices.cache_read, ...(typeof litellm_params.base_model === 'string' && { base_model: litellm_params.base_model }),
  };
}

function groupOf(name: string, models: readonly ConfiguredModel[]): object {
  const sum = (limit: string): number | null => models.reduce<number | null>((total, { litellm_params }) => (typeof litellm_params[limit] === 'number' ? (total ?? 0) + litellm_params[limit] : total), null);
  return {
    model_group: name, providers: [...new Set(models.map(({ provider }) => provider))], max_input_tokens: largest(models.map(({ context_window }) => context_window)), max_output_tokens: largest(models.map(({ model_info }) => numberOr(model_info.max_output_tokens))),
    input_cost_per_token: largest(models.map(({ prices }) => prices.input)), output_cost_per_token: largest(models.map(({ prices }) => prices.output)), mode: models.find(({ mode }) => mode !== null)?.mode ?? 'chat', tpm: sum('tpm'), rpm: sum('rpm'),
    ...Object.fromEntries(abilities.map((ability) => [ability, models.some(({ model_info }) => model_info[ability] === true)])), supported_openai_params: [],
  };
}

const numberOr = (value: unknown): number | null => (typeof value === 'number' ? value : null);
const largest = (values: readonly (number | null)[]): number | null => values.reduce((most, value) => (value !== null && (most === null || value > most) ? value : most), null);
