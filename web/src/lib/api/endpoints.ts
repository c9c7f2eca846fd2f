import type { AnswerOf, BodyOf, api as routes } from '@deskhand/contracts';
import type { Api } from './client.ts';

type Routes = typeof routes;
export type Answer<Name extends keyof Routes> = AnswerOf<Routes[Name]>;
type Body<Name extends keyof Routes> = BodyOf<Routes[Name]>;

const segment = encodeURIComponent;

/** The server's routes as functions. Only their types come from the contracts: the checks run on the server. */
export function endpoints(api: Api) {
  const conversation = (id: string) => `/api/conversations/${segment(id)}`;
  return {
    registration: () => api.call<Answer<'registration'>>('GET', '/api/auth/registration'),
    register: (body: Body<'register'>) => api.call<Answer<'register'>>('POST', '/api/auth/register', body),
    login: (body: Body<'login'>) => api.call<Answer<'login'>>('POST', '/api/auth/login', body),
    logout: () => api.call<Answer<'logout'>>('POST', '/api/auth/logout', {}),
    me: () => api.call<Answer<'me'>>('GET', '/api/users/me'),

    tokens: () => api.call<Answer<'tokens'>>('GET', '/api/users/me/tokens'),
    createToken: (body: Body<'createToken'>) => api.call<Answer<'createToken'>>('POST', '/api/users/me/tokens', body),
    revokeToken: (id: string) => api.call<unknown>('DELETE', `/api/users/me/tokens/${segment(id)}`),
    providers: () => api.call<Answer<'providers'>>('GET', '/api/users/me/providers'),
    saveProvider: (body: Body<'saveProvider'>) => api.call<Answer<'saveProvider'>>('POST', '/api/users/me/providers', body),
    removeProvider: (provider: string) => api.call<unknown>('DELETE', `/api/users/me/providers/${segment(provider)}`),
    testProvider: (provider: string) => api.call<Answer<'testProvider'>>('POST', `/api/users/me/providers/${segment(provider)}/test`),
    budget: () => api.call<Answer<'budget'>>('GET', '/api/users/me/budget'),
    userBudget: (username: string) => api.call<Answer<'userBudget'>>('GET', `/api/admin/users/${segment(username)}/budget`),
    setUserBudget: (username: string, body: Body<'setUserBudget'>) => api.call<Answer<'setUserBudget'>>('PUT', `/api/admin/users/${segment(username)}/budget`, body),
    conversationBudget: (id: string) => api.call<Answer<'conversationBudget'>>('GET', `${conversation(id)}/budget`),
    setConversationBudget: (id: string, body: Body<'setConversationBudget'>) => api.call<Answer<'setConversationBudget'>>('PUT', `${conversation(id)}/budget`, body),
    usage: (query: URLSearchParams) => api.call<Answer<'usage'>>('GET', `/api/users/me/usage?${query}`),
    everyonesUsage: (query: URLSearchParams) => api.call<Answer<'everyonesUsage'>>('GET', `/api/admin/usage?${query}`),
    models: () => api.call<Answer<'models'>>('GET', '/api/models'),

    conversations: (limit: number, archived = false) => api.call<Answer<'conversations'>>('GET', `/api/conversations?limit=${limit}${archived ? '&archived=true' : ''}`),
    createConversation: (body: NonNullable<Body<'createConversation'>>) => api.call<Answer<'createConversation'>>('POST', '/api/conversations', body),
    updateConversation: (id: string, body: Body<'updateConversation'>) => api.call<Answer<'updateConversation'>>('PUT', conversation(id), body),
    removeConversation: (id: string) => api.call<unknown>('DELETE', conversation(id)),
    messagesBefore: (id: string, before: string) => api.call<Answer<'messages'>>('GET', `${conversation(id)}/messages?limit=50&before=${segment(before)}`),
    say: (id: string, body: Body<'say'>) => api.call<Answer<'say'>>('POST', `${conversation(id)}/messages`, body),
    steer: (id: string, run: string, body: Body<'steer'>) => api.call<Answer<'steer'>>('POST', `${conversation(id)}/runs/${segment(run)}/steer`, body),
    withdraw: (id: string, run: string) => api.call<unknown>('DELETE', `${conversation(id)}/runs/${segment(run)}`),
    interrupt: (id: string, run: string) => api.call<unknown>('POST', `${conversation(id)}/runs/${segment(run)}/interrupt`),
    computer: (id: string, verb: 'start' | 'stop' | 'restart') => api.call<Answer<'startComputer'>>('POST', `${conversation(id)}/sandbox/${verb}`),
    desktopTicket: (id: string, body: Body<'desktopTicket'>) => api.call<Answer<'desktopTicket'>>('POST', `${conversation(id)}/desktop/ticket`, body),
    takeDesktop: (id: string, body: NonNullable<Body<'takeDesktop'>>) => api.call<Answer<'takeDesktop'>>('POST', `${conversation(id)}/desktop/lease`, body),
    releaseDesktop: (id: string, { epoch, ...query }: { epoch: number; client_id?: string; to?: string }) =>
      api.call<unknown>('DELETE', `${conversation(id)}/desktop/lease?${new URLSearchParams({ ...query, epoch: String(epoch) })}`),
    approvals: () => api.call<Answer<'approvals'>>('GET', '/api/approvals'),
    decide: (id: string, body: Body<'decide'>) => api.call<unknown>('POST', `/api/approvals/${segment(id)}`, body),

    mcpServers: () => api.call<Answer<'mcpServers'>>('GET', '/api/mcp-servers'),
    chosenMcpServers: (id: string) => api.call<Answer<'chosenMcpServers'>>('GET', `${conversation(id)}/mcp-servers`),
    chooseMcpServers: (id: string, server_ids: string[]) => api.call<unknown>('PUT', `${conversation(id)}/mcp-servers`, { server_ids }),
    allMcpServers: () => api.call<Answer<'allMcpServers'>>('GET', '/api/admin/mcp-servers'),
    saveMcpServer: (id: string | null, body: Body<'updateMcpServer'>) => api.call<Answer<'mcpServer'>>(id === null ? 'POST' : 'PUT', `/api/admin/mcp-servers${id === null ? '' : `/${segment(id)}`}`, body),
    removeMcpServer: (id: string) => api.call<unknown>('DELETE', `/api/admin/mcp-servers/${segment(id)}`),
    testMcpServer: (id: string) => api.call<Answer<'testMcpServer'>>('POST', `/api/admin/mcp-servers/${segment(id)}/test`),

    users: () => api.call<Answer<'users'>>('GET', '/api/admin/users'),
    disableUser: (username: string, disabled: boolean) => api.call<Answer<'disableUser'>>('PATCH', `/api/admin/users/${segment(username)}`, { disabled }),
    configuredModels: () => api.call<Answer<'configuredModels'>>('GET', '/api/admin/models'),
    addModel: (body: Body<'addModel'>) => api.call<Answer<'addModel'>>('POST', '/api/admin/models', body),
    changeModel: (id: string, body: Body<'changeModel'>) => api.call<Answer<'changeModel'>>('PATCH', `/api/admin/models/${segment(id)}`, body),
    removeModel: (id: string) => api.call<unknown>('DELETE', `/api/admin/models/${segment(id)}`),
    testModel: (id: string) => api.call<Answer<'testModel'>>('POST', '/api/admin/model-tests', { id }),
    virtualKeys: (limit: number, offset: number) => api.call<Answer<'virtualKeys'>>('GET', `/api/admin/llm-keys?limit=${limit}&offset=${offset}`),
    makeVirtualKey: (body: Body<'makeVirtualKey'>) => api.call<Answer<'makeVirtualKey'>>('POST', '/api/admin/llm-keys', body),
    changeVirtualKey: (id: string, body: Body<'changeVirtualKey'>) => api.call<Answer<'changeVirtualKey'>>('PATCH', `/api/admin/llm-keys/${segment(id)}`, body),
    removeVirtualKey: (id: string) => api.call<unknown>('DELETE', `/api/admin/llm-keys/${segment(id)}`),
    containers: () => api.call<Answer<'containers'>>('GET', '/api/admin/containers'),
  };
}

export type Endpoints = ReturnType<typeof endpoints>;
