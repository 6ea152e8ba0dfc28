/**
 * Tokens that are shown to be exchanged: ours, alive, and not bound to a key, whose holder could not be told from a
 * thief here. RFC 8693 2.2.2: what is wrong with one of them is `invalid_request`.
 */
import { createLocalJWKSet, type JWTPayload, jwtVerify } from 'jose'
import type Provider from 'oidc-provider'
import { type Client, errors, type Grant } from 'oidc-provider'
import type { Actor } from '../../domain/exchange/policy.ts'
import type { AtRest } from '../../storage/at-rest.ts'
import type { UsableAccount } from '../account.ts'
import type { Keys } from '../keys.ts'
import { LINK_CLAIM, type Link, linkOf, openLink } from './link.ts'

export interface PresentedDeps {
  issuer: string
  keys: Keys
  atRest: Pick<AtRest, 'seal' | 'open'>
  account: UsableAccount
}

export interface Presented {
  clientId: string
  audience: string | undefined
  scopes: ReadonlySet<string>
  /** epoch seconds; the session's, where that ends sooner */
  exp: number
  /** whom it is of, as its client knows them; undefined: an opaque token of a client that knows people by other names */
  sub: string | undefined
  act: Actor | undefined
  /** of a person's token; a machine's has neither */
  person: { accountId: string; link: Link } | undefined
}

type Which = 'subject_token' | 'actor_token'

/** What can be read off a token before anything is asked about it. */
interface Read {
  clientId: string
  aud: unknown
  scope: string | undefined
  exp: number
  /** undefined: the account's own id, or a machine's */
  sub: string | undefined
  extra: Record<string, unknown> | undefined
  bound: boolean
  link: Link | undefined
}

export class PresentedTokens {
  readonly #provider: Provider
  readonly #deps: PresentedDeps
  readonly #publicKeys: ReturnType<typeof createLocalJWKSet>

  constructor(provider: Provider, deps: PresentedDeps) {
    this.#provider = provider
    this.#deps = deps
    this.#publicKeys = createLocalJWKSet({ keys: deps.keys.jwks.keys.map(publicPart) as never })
  }

  /** @throws InvalidRequest, whose detail says why */
  async read(value: string, which: Which): Promise<Presented> {
    const invalid = (detail: string) => new errors.InvalidRequest(`${which} is not valid`, 400, { detail })
    const read = value.includes('.') ? await this.#jwt(value) : await this.#opaque(value)
    if (!read) throw invalid('it is no access token of this server, or no longer')
    if (read.bound)
      throw new errors.InvalidRequest(`${which} is bound to a key; such tokens cannot be exchanged`)
    const client = await this.#provider.Client.find(read.clientId)
    if (!client) throw invalid('its client is gone or disabled')
    const person = await this.#person(read)
    if (person === 'gone') throw invalid('what it was issued under has ended')
    return {
      clientId: read.clientId,
      audience: typeof read.aud === 'string' ? read.aud : undefined,
      scopes: new Set((read.scope ?? '').split(' ').filter((scope) => scope !== '')),
      exp: Math.min(read.exp, person?.sessionEnds ?? read.exp),
      sub: read.sub ?? (person ? accountAt(client, person.accountId) : read.clientId),
      act: read.extra?.act as Actor | undefined,
      person: person && { accountId: person.accountId, link: person.link },
    }
  }

  async #opaque(value: string): Promise<Read | undefined> {
    const { AccessToken, ClientCredentials } = this.#provider
    const token = (await AccessToken.find(value)) ?? (await ClientCredentials.find(value))
    if (!token?.isValid || token.clientId === undefined) return undefined
    const isPersons = token.kind === 'AccessToken'
    // The engine does not know of `under`; the row does.
    const under = isPersons
      ? ((await AccessToken.adapter.find(value)) as { under?: Link } | undefined)?.under
      : undefined
    return {
      clientId: token.clientId,
      aud: token.aud,
      scope: token.scope,
      exp: Number(token.exp),
      sub: undefined,
      extra: token.extra as Record<string, unknown> | undefined,
      bound: token.isSenderConstrained(),
      link: isPersons ? (under ?? linkOf(token)) : undefined,
    }
  }

  /** RFC 9068 4, by our own keys. */
  async #jwt(value: string): Promise<Read | undefined> {
    let payload: JWTPayload
    try {
      ;({ payload } = await jwtVerify(value, this.#publicKeys, {
        issuer: this.#deps.issuer,
        typ: 'at+jwt',
        requiredClaims: ['exp', 'iat', 'sub', 'aud', 'client_id', 'jti'],
      }))
    } catch {
      return undefined
    }
    const { client_id: clientId, aud, scope, exp, sub, cnf, jti, [LINK_CLAIM]: ref } = payload
    const link = openLink(this.#deps.atRest, jti, ref)
    // Without a link to its grant nobody can tell whether a person's token was ended: sub is the client's only of its own.
    if (!link && sub !== clientId) return undefined
    return {
      clientId: String(clientId),
      aud,
      scope: typeof scope === 'string' ? scope : undefined,
      exp: Number(exp),
      sub,
      extra: payload,
      bound: cnf !== undefined,
      link,
    }
  }

  /** The person, while the grant, its app, the session and the account are what they were. */
  async #person({ link }: Read) {
    if (!link) return undefined
    const { Grant, Client, Session } = this.#provider
    const grant = (await Grant.find(link.grantId)) as Grant | undefined
    const accountId = grant?.accountId
    if (!grant || accountId === undefined || grant.clientId === undefined) return 'gone'
    if (!(await Client.find(grant.clientId))) return 'gone'
    if (!(await this.#deps.account(accountId, undefined))) return 'gone'
    if (link.sessionUid === undefined) return { accountId, link, sessionEnds: undefined }
    const session = await Session.findByUid(link.sessionUid)
    if (session?.accountId !== accountId || session.grantIdFor(grant.clientId) !== link.grantId) return 'gone'
    return { accountId, link, sessionEnds: session.exp }
  }
}

/** Pairwise subjects (OpenID Connect Core 1.0, 8.1) are the engine's to compute. */
function accountAt({ subjectType }: Client, accountId: string): string | undefined {
  return subjectType === 'pairwise' ? undefined : accountId
}

const PUBLIC = ['kty', 'crv', 'x', 'y', 'n', 'e', 'kid', 'alg', 'use']

function publicPart(jwk: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(jwk).filter(([member]) => PUBLIC.includes(member)))
}
