/**
 * Who may exchange tokens (RFC 8693), for which APIs, and as whom. Nobody may unless an operator says so in the client's
 * `token_exchange`; what comes of an exchange never allows more than what went in. Pure.
 */
export const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'

/** So many parties may have passed a request on, one to the other. */
const CHAIN_MOST = 5

export interface ExchangePolicy {
  /** audiences of the APIs it may get tokens for */
  audiences: readonly string[]
  /**
   * delegation: the token always names the client (or whom it shows an actor token of) as the one who acts;
   * impersonation: without an actor token it names nobody besides the person
   */
  mode: 'delegation' | 'impersonation'
}

/** Who acts for the person, and for whom they act in turn (RFC 8693 4.1). */
export interface Actor {
  sub: string
  client_id?: string
  act?: Actor
}

/** @returns undefined: the client may not exchange anything */
export function exchangePolicyOf(value: unknown): ExchangePolicy | undefined {
  const { audiences, mode = 'delegation', ...more } = (value ?? {}) as Record<string, unknown>
  if (!Array.isArray(audiences) || audiences.length === 0 || Object.keys(more).length > 0) return undefined
  if (!audiences.every((audience) => typeof audience === 'string')) return undefined
  return mode === 'delegation' || mode === 'impersonation' ? { audiences, mode } : undefined
}

/** What in a client's metadata contradicts its right to exchange tokens, each with what mends it. */
export function exchangeContradictions(
  metadata: Readonly<Record<string, unknown>>,
): { member: string; reason: string }[] {
  const grants = Array.isArray(metadata.grant_types) ? metadata.grant_types : []
  const policy = metadata.token_exchange
  if (policy === undefined)
    return grants.includes(TOKEN_EXCHANGE)
      ? [
          {
            member: 'grant_types',
            reason: `must not hold ${TOKEN_EXCHANGE}: that is the operator’s to allow`,
          },
        ]
      : []
  const bound = ['dpop_bound_access_tokens', 'tls_client_certificate_bound_access_tokens'].find(
    (member) => metadata[member] === true,
  )
  const found = [
    exchangePolicyOf(policy) === undefined && {
      member: 'token_exchange',
      reason:
        'must be {"audiences": ["https://…"], "mode": "delegation"} with at least one audience; the other mode is "impersonation"',
    },
    !grants.includes(TOKEN_EXCHANGE) && { member: 'grant_types', reason: `must hold ${TOKEN_EXCHANGE}` },
    metadata.token_endpoint_auth_method === 'none' && {
      member: 'token_endpoint_auth_method',
      reason: 'must not be none: anybody can be a public client, so none may exchange tokens',
    },
    bound !== undefined && {
      member: bound,
      reason: 'must be false: tokens that are got by exchange cannot be bound to a key yet',
    },
  ]
  return found.filter((one) => one !== false)
}

/**
 * The scopes of the new token: those asked for, else all that can be had; each allowed by the token shown and known at
 * the API. `undefined`: more was asked than can be had, or nothing can.
 */
export function narrowedScopes(
  asked: readonly string[],
  { shown, known }: { shown: ReadonlySet<string>; known: ReadonlySet<string> },
): string[] | undefined {
  const possible = [...known].filter((scope) => shown.has(scope))
  const wanted = asked.length > 0 ? asked : possible
  return wanted.length > 0 && wanted.every((scope) => possible.includes(scope)) ? [...wanted] : undefined
}

/**
 * The `act` of the new token: the actor in front of those who acted before, of whom none is ever left out.
 * @returns false: the chain is too long
 */
export function actorChain(actor: Actor | undefined, before: Actor | undefined): Actor | undefined | false {
  const chain = actor && before ? { ...actor, act: before } : (actor ?? before)
  let length = 0
  for (let link = chain; link; link = link.act) length += 1
  return length > CHAIN_MOST ? false : chain
}
