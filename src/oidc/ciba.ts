/**
 * OpenID Connect Client-Initiated Backchannel Authentication (CIBA Core 1.0): an app names a person, the person gets a
 * mail and answers on a page of ours (`http/approve.ts`), the app polls. Whether there is such a person is not told:
 * for nobody the request is taken, never answered, and expires.
 */
import type Provider from 'oidc-provider'
import { type Configuration, errors, type Grant, type KoaContextWithOIDC } from 'oidc-provider'
import type { Given } from '../domain/approvals/answer.ts'
import type { Approval, Approvals } from '../domain/approvals/approvals.ts'
import { isDomainError } from '../domain/errors.ts'
import type { Clock, KeyedHash, OutboxRepository, UserRepository } from '../domain/ports.ts'
import type { Throttle } from '../domain/protection/throttle.ts'
import { emailKey, looksLikeEmail, usernameKey } from '../domain/users/identifiers.ts'
import type { User } from '../domain/users/user.ts'
import { TooMany } from './errors.ts'
import { addTo, asked } from './grants.ts'

export const CIBA_GRANT = 'urn:openid:params:grant-type:ciba'

/** seconds a request lives at most */
export const LONGEST_REQUEST = 900
/** Bounds of `requested_expiry` (7.1), and what holds without it; seconds. */
const EXPIRY = { least: 60, usual: 300, most: LONGEST_REQUEST }
/** Read aloud and compared (7.1): short, and of characters everybody can tell apart. */
const BINDING_MESSAGE = /^[\p{L}\p{N} \-._+/!?#]{1,40}$/u

export interface CibaDeps {
  approvals: Approvals
  users: UserRepository
  outbox: OutboxRepository
  throttle: Throttle
  keyed: KeyedHash
  clock: Clock
  /** runs the mail worker once this request is committed */
  mailSoon: () => void
}

type Ciba = NonNullable<NonNullable<Configuration['features']>['ciba']>

export function ciba(deps: CibaDeps): Ciba {
  return {
    enabled: true,
    deliveryModes: ['poll', 'ping'],
    async processLoginHintToken() {
      throw new errors.InvalidRequest('login_hint_token is not supported; use login_hint or id_token_hint')
    },
    async processLoginHint(_ctx: KoaContextWithOIDC, hint: string) {
      return (await findByHint(deps, hint))?.id ?? nobody(deps, hint)
    },
    async validateRequestContext(ctx: KoaContextWithOIDC, context: unknown) {
      if (context !== undefined) throw new errors.InvalidRequest('request_context is not supported')
      const { user_code: code, authorization_details: details, id_token_hint: hint } = ctx.oidc.params ?? {}
      if (code !== undefined) throw new errors.InvalidRequest('user_code is not supported')
      // The page does not show them, so nobody could approve them.
      if (details !== undefined) throw new errors.InvalidRequest('authorization_details are not supported')
      // The name of a person in one sector cannot be turned back (OpenID Connect Core 1.0, 8.1).
      if (hint !== undefined && ctx.oidc.client?.subjectType === 'pairwise')
        throw new errors.InvalidRequest(
          'id_token_hint is not supported for pairwise subjects; use login_hint',
        )
    },
    async verifyUserCode() {},
    async validateBindingMessage(_ctx: KoaContextWithOIDC, message: string | undefined) {
      if (message !== undefined && !BINDING_MESSAGE.test(message))
        throw new errors.InvalidBindingMessage(
          'binding_message must be 1 to 40 letters, digits, spaces or any of - . _ + / ! ? #',
        )
    },
    triggerAuthenticationDevice: (ctx: KoaContextWithOIDC, request: unknown) =>
      ask(deps, ctx, request as BackchannelRequest),
  } as unknown as Ciba
}

/** Seconds a request lives, as the app wishes and within our bounds. */
export function requestLifetime(ctx: KoaContextWithOIDC | undefined): number {
  const wished = Number(ctx?.oidc?.params?.requested_expiry ?? EXPIRY.usual)
  return Math.min(EXPIRY.most, Math.max(EXPIRY.least, wished))
}

/** As the engine keeps it; the types leave members out. */
interface BackchannelRequest {
  jti: string
  exp: number
  accountId: string
  grantId?: string
  error?: string
  errorDescription?: string
  save(): Promise<string>
}

/** Puts the question to the person. The work is the same for somebody whom nobody is. */
async function ask(deps: CibaDeps, ctx: KoaContextWithOIDC, request: BackchannelRequest): Promise<void> {
  const { approvals, clock, outbox, throttle } = deps
  const { accountId } = request
  const clientId = String(ctx.oidc.client?.clientId)
  try {
    await throttle.take(throttle.approval(countedAs(deps, ctx, accountId), clientId))
  } catch (error) {
    if (!isDomainError(error, 'throttled')) throw error
    ctx.set('Retry-After', String(error.retryAfterSeconds))
    throw new TooMany('this person, or by this client, was asked too often; wait and try again')
  }
  const { binding_message: message } = ctx.oidc.params ?? {}
  const now = clock.now()
  const seconds = requestLifetime(ctx)
  const approval = await approvals.open(
    {
      authReqId: request.jti,
      ...{ clientId, accountId, ...asked(ctx) },
      bindingMessage: typeof message === 'string' ? message : undefined,
      askedAt: now.toISOString(),
      expiresAt: Math.floor(now.getTime() / 1000) + seconds,
    },
    seconds,
  )
  await outbox.insert({ template: 'approval', approvalId: approval.id })
  deps.mailSoon()
}

/**
 * Writes the answer for the app to find; whether it is the first one is decided with the rest of what is written.
 * @param given what the person proved; undefined: they said no
 * @returns false when the request is over
 */
export async function answer(
  provider: Provider,
  approval: Approval,
  given: Given | undefined,
): Promise<boolean> {
  const found = await provider.BackchannelAuthenticationRequest.find(approval.authReqId)
  const request = found as unknown as BackchannelRequest | undefined
  if (!request || request.accountId !== approval.accountId) return false
  // Not `backchannelResult`: it loses the description, and calls apps from within this request.
  if (given) {
    const { accountId, clientId } = approval
    const grant: Grant = new provider.Grant({ accountId, clientId })
    addTo(grant, approval)
    Object.assign(request, { grantId: await grant.save(), ...given })
  } else {
    Object.assign(request, { error: 'access_denied', errorDescription: 'the person said no' })
  }
  await request.save()
  return true
}

/** At this endpoint somebody unknown is an account like any other (but nobody is asked). */
export function orNobody(
  find: NonNullable<Configuration['findAccount']>,
): NonNullable<Configuration['findAccount']> {
  return async (ctx, sub, token) => {
    const account = await find(ctx, sub, token)
    if (account || ctx.oidc?.route !== 'backchannel_authentication') return account
    return { accountId: sub, claims: () => ({ sub }) }
  }
}

/** CIBA Core 1.0 13 has an error of its own for clients that may not do this; the engine's is `invalid_request`. */
export async function unauthorizedClient(ctx: KoaContextWithOIDC, next: () => Promise<void>): Promise<void> {
  await next()
  const body = ctx.body as { error?: string; error_description?: string } | undefined
  if (ctx.oidc?.route !== 'backchannel_authentication' || !body?.error_description) return
  if (body.error_description.endsWith('is not allowed for this client')) body.error = 'unauthorized_client'
}

async function findByHint({ users }: CibaDeps, hint: string): Promise<User | undefined> {
  return looksLikeEmail(hint) ? users.findByEmail(hint) : users.findByUsername(hint)
}

/** Counted by what was given, as sign-ins are: somebody's two names must look like any two names. */
function countedAs(deps: CibaDeps, ctx: KoaContextWithOIDC, accountId: string): string {
  const hint = ctx.oidc.params?.login_hint
  return hint ? nobody(deps, String(hint)) : accountId
}

/** The same id each time the same unknown name is given, and nobody's. */
function nobody({ keyed }: CibaDeps, hint: string): string {
  const key = looksLikeEmail(hint) ? emailKey(hint) : usernameKey(hint)
  return `usr_${keyed.digest('ciba-nobody', key).toString('base64url').slice(0, 22)}`
}
