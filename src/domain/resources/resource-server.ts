/**
 * An API that takes our access tokens (RFC 8707), as it is known here, and the rules it must keep. Pure: what the rules
 * refuse they name by member, in a sentence.
 */
import { isPlain, LOOPBACK_HOSTS } from '../../lib/texts.ts'
import type { SigningAlgorithm } from '../keys/key.ts'

/** Scopes that stand for claims about people; no API may call one of its own so. */
export const IDENTITY_SCOPES = [
  ...(['openid', 'offline_access', 'profile', 'email', 'address', 'phone', 'roles'] as const),
] as const

/** Of a token for an API, in seconds. Signing keys are kept for as long as the longest of them may live. */
export const TOKEN_TTL = { least: 30, most: 86_400, usual: 300 } as const

const AUDIENCE_MAX = 512
const NAME_MAX = 100
const DESCRIPTION_MAX = 200
const SCOPES_MAX = 200

export interface ResourceScope {
  /** scope-token of RFC 6749 3.3 */
  name: string
  /** what it lets an app do, as people read it when they are asked */
  description?: string | undefined
}

export interface ResourceServerSettings {
  /** the resource indicator (RFC 8707) and the `aud` of its tokens */
  audience: string
  /** as people know it */
  name?: string | undefined
  scopes: readonly ResourceScope[]
  /** opaque: the API asks about each token (RFC 7662) and learns at once when it was ended */
  tokenFormat: 'jwt' | 'opaque'
  /** seconds */
  tokenTtl: number
  /** of JWT access tokens (RFC 9068) */
  signingAlgorithm: SigningAlgorithm
  /** ids of those who may ask for its tokens */
  clients: 'all' | readonly string[]
  /** page for developers */
  documentation?: string | undefined
  /** whether its metadata (RFC 9728) are hosted here */
  publishMetadata: boolean
  /** whether its tokens may be exchanged for tokens of other APIs (RFC 8693) */
  exchangeable: boolean
  /** whether its tokens tell what a person is in the app that asked (claim `roles`, RFC 9068 2.2.3.1) */
  includesRoles: boolean
}

export interface ResourceServer extends ResourceServerSettings {
  /** declared: by `RESOURCE_SERVERS`; operator: by command; built-in: our own, in no row */
  source: 'declared' | 'operator' | 'built-in'
  /** of its scopes, what a client that registered itself may ask for; all unless given */
  scopesOfStrangers?: readonly string[]
  /** disabled: to the protocol it does not exist */
  status: 'active' | 'disabled'
}

export interface ResourceFault {
  member: keyof ResourceServerSettings
  problem: string
}

export const DEFAULTS = {
  tokenFormat: 'jwt',
  tokenTtl: TOKEN_TTL.usual,
  signingAlgorithm: 'ES256',
  clients: 'all',
  publishMetadata: false,
  exchangeable: false,
  includesRoles: false,
} as const satisfies Partial<ResourceServerSettings>

/**
 * Everything that is wrong, so that it can be mended at once.
 * @param algorithms those there is a key for
 */
export function faultsOf(
  server: ResourceServerSettings,
  algorithms: readonly SigningAlgorithm[],
): ResourceFault[] {
  const { audience, name, scopes, tokenFormat, tokenTtl, signingAlgorithm, clients, documentation } = server
  const faults: (ResourceFault | false)[] = [
    !isAudience(audience) && {
      member: 'audience',
      problem: `must be an absolute URI without fragment, of at most ${AUDIENCE_MAX} characters (RFC 8707 2)`,
    },
    name !== undefined &&
      !isShown(name, NAME_MAX) && {
        member: 'name',
        problem: `must be plain text of at most ${NAME_MAX} characters`,
      },
    ...scopeFaults(scopes),
    tokenFormat !== 'jwt' &&
      tokenFormat !== 'opaque' && { member: 'tokenFormat', problem: 'must be jwt or opaque' },
    !(Number.isInteger(tokenTtl) && tokenTtl >= TOKEN_TTL.least && tokenTtl <= TOKEN_TTL.most) && {
      member: 'tokenTtl',
      problem: `must be whole seconds between ${TOKEN_TTL.least} and ${TOKEN_TTL.most}`,
    },
    !algorithms.includes(signingAlgorithm) && {
      member: 'signingAlgorithm',
      problem: `must be one of ${algorithms.join(', ')}; SIGNING_ALGORITHMS says what there are keys for`,
    },
    clients !== 'all' &&
      !clients.every((id) => /^[\x21-\x7e]{1,255}$/.test(id)) && {
        member: 'clients',
        problem: 'must be "all" or a list of client ids',
      },
    documentation !== undefined &&
      URL.parse(documentation)?.protocol !== 'https:' && {
        member: 'documentation',
        problem: 'must be an https address',
      },
    server.publishMetadata &&
      metadataPath(audience) === undefined && {
        member: 'publishMetadata',
        problem:
          'needs an audience that is an https address (http on localhost) without a query (RFC 9728 1.2)',
      },
  ]
  return faults.filter((fault): fault is ResourceFault => fault !== false)
}

function scopeFaults(scopes: readonly ResourceScope[]): ResourceFault[] {
  const fault = (problem: string): ResourceFault => ({ member: 'scopes', problem })
  const names = scopes.map(({ name }) => name)
  if (names.length === 0 || names.length > SCOPES_MAX) return [fault(`must have 1 to ${SCOPES_MAX} entries`)]
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  return [
    ...(twice === undefined ? [] : [fault(`must not hold "${twice}" twice`)]),
    ...scopes.flatMap(({ name, description }) => [
      ...(/^[\x21\x23-\x5b\x5d-\x7e]{1,100}$/.test(name)
        ? []
        : [fault(`"${name}" must be a scope token of at most 100 characters (RFC 6749 3.3)`)]),
      ...((IDENTITY_SCOPES as readonly string[]).includes(name)
        ? [fault(`"${name}" stands for claims about people (OpenID Connect Core 1.0, 5.4): choose another`)]
        : []),
      ...(description === undefined || isShown(description, DESCRIPTION_MAX)
        ? []
        : [
            fault(`the description of "${name}" must be plain text of at most ${DESCRIPTION_MAX} characters`),
          ]),
    ]),
  ]
}

function isAudience(audience: string): boolean {
  return (
    audience.length <= AUDIENCE_MAX &&
    /^[\x21-\x7e]+$/.test(audience) &&
    URL.canParse(audience) &&
    !audience.includes('#')
  )
}

/** Shown to people who decide by it: no control characters, none that turn the direction of writing round. */
function isShown(text: string, most: number): boolean {
  return text.length > 0 && text.length <= most && isPlain(text)
}

/**
 * The audience without its scheme, which names its metadata here. `undefined`: there can be none (RFC 9728 1.2: a
 * resource is an https address).
 */
export function metadataPath(audience: string): string | undefined {
  const url = URL.parse(audience)
  const local = url !== null && LOOPBACK_HOSTS.has(url.hostname)
  if (url?.protocol !== 'https:' && !(local && url.protocol === 'http:')) return undefined
  if (url.search !== '' || url.username !== '' || audience.includes('?')) return undefined
  return audience.slice(url.protocol.length + 2)
}

/** Which audiences a path may stand for; at most one of them is known here. */
export function audiencesOf(path: string): string[] {
  return [`https://${path}`, `http://${path}`].filter((audience) => metadataPath(audience) === path)
}
