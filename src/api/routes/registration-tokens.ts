/** Initial access tokens (RFC 7591 3): what lets applications register themselves, for administrators. */
import { z } from 'zod'
import { closedBecause, type InitialAccessToken } from '../../domain/clients/initial-access-token.ts'
import { PROFILES } from '../../domain/clients/profile.ts'
import { defineRoute, type Route } from '../route.ts'

const LIST = '/api/v1/admin/initial-access-tokens'
const tag = 'Applications'
const DAY_SECONDS = 24 * 3600

const names = z.array(z.string().min(1).max(255)).min(1).max(100)
const POLICY = z.strictObject({
  redirect_hosts: names.optional().describe('people may be sent there only: app.example.org, *.example.org'),
  grant_types: names.optional(),
  scopes: names.optional(),
  auth_methods: names.optional(),
  profile: z.enum(PROFILES).optional().describe('imposed'),
  software_statement: z.boolean().optional().describe('one of a trusted issuer is needed'),
  same_pages: z.boolean().optional(),
})
const count = z.number().int().nonnegative().nullable()
const moment = z.iso.datetime().nullable()
const TOKEN = z.strictObject({
  id: z.string(),
  name: z.string(),
  policy: POLICY,
  uses_left: count.describe('null: any number'),
  max_clients: count,
  clients: z.number().int().describe('that are there by it'),
  expires_at: moment,
  revoked_at: moment,
  used_at: moment,
  created_at: z.iso.datetime(),
  closed_because: z.string().nullable().describe('null: it lets applications in'),
})

export const registrationTokenRoutes: readonly Route[] = [
  defineRoute({
    ...{ method: 'GET', path: LIST, operation: 'listInitialAccessTokens', tag },
    summary: 'Tokens that let applications register, newest first; never their values',
    input: {},
    output: z.strictObject({ items: z.array(TOKEN) }),
    ...{ errors: [], permission: 'clients:read' },
    async handle(_call, { initialAccessTokens, now }) {
      const tokens = await initialAccessTokens.list()
      return { body: { items: tokens.map((token) => tokenOf(token, now())) } }
    },
  }),
  defineRoute({
    ...{ method: 'POST', path: LIST, operation: 'createInitialAccessToken', tag, status: 201 },
    ...{ summary: 'Make one; its value is shown this once', repeatable: true },
    input: {
      body: z.strictObject({
        name: z.string().trim().min(1).max(100).describe('for people'),
        uses: z.number().int().min(1).max(1_000_000).nullable().default(1).describe('null: any number'),
        max_clients: z.number().int().min(1).max(1_000_000).optional().describe('at one time'),
        days: z.number().int().min(1).max(3650).default(90).describe('how long it is good'),
        policy: POLICY.default({}),
      }),
    },
    output: z.strictObject({ id: z.string(), value: z.string().describe('shown this once') }),
    ...{ errors: [], permission: 'clients:write' },
    async handle({ body, by }, { initialAccessTokens }) {
      const { name, uses, days, max_clients: maxClients, policy } = body
      const wish = {
        ...{ name, maxClients, usesLeft: uses ?? undefined, ttlSeconds: days * DAY_SECONDS },
        policy: policyOf(policy),
      }
      return { body: await initialAccessTokens.create(wish, by.by, by.request) }
    },
  }),
  defineRoute({
    ...{ method: 'DELETE', path: `${LIST}/:id`, operation: 'revokeInitialAccessToken', tag },
    summary: 'Nobody registers by it any more; applications that did stay',
    input: { params: z.strictObject({ id: z.string().min(1).max(100) }) },
    ...{ output: undefined, errors: [], permission: 'clients:write' },
    async handle({ params, by }, { initialAccessTokens }) {
      await initialAccessTokens.revoke(params.id, by.by, by.request)
      return { body: undefined }
    },
  }),
]

function policyOf(policy: z.infer<typeof POLICY>): InitialAccessToken['policy'] {
  const { redirect_hosts: hosts, grant_types: grantTypes, auth_methods: authMethods, ...others } = policy
  const members = {
    redirectHosts: hosts?.map((host) => host.toLowerCase()),
    ...{ grantTypes, authMethods, scopes: others.scopes, profile: others.profile },
    softwareStatement: others.software_statement,
    samePages: others.same_pages,
  }
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined))
}

function tokenOf(token: InitialAccessToken, now: Date): z.infer<typeof TOKEN> {
  const { policy } = token
  const shown = {
    redirect_hosts: policy.redirectHosts,
    grant_types: policy.grantTypes,
    scopes: policy.scopes,
    auth_methods: policy.authMethods,
    profile: policy.profile,
    software_statement: policy.softwareStatement,
    same_pages: policy.samePages,
  }
  return {
    ...{ id: token.id, name: token.name, clients: token.clients },
    policy: Object.fromEntries(Object.entries(shown).filter(([, value]) => value !== undefined)),
    uses_left: token.usesLeft ?? null,
    max_clients: token.maxClients ?? null,
    expires_at: token.expiresAt?.toISOString() ?? null,
    revoked_at: token.revokedAt?.toISOString() ?? null,
    used_at: token.usedAt?.toISOString() ?? null,
    created_at: token.createdAt.toISOString(),
    closed_because: closedBecause(token, now) ?? null,
  }
}
