/** `ostiary initial-access-token`: tokens with which applications register themselves (RFC 7591 3). */
import { type Command, Option } from 'commander'
import { secureRandom } from '../crypto/random.ts'
import { closedBecause, type InitialAccessToken } from '../domain/clients/initial-access-token.ts'
import { InitialAccessTokens, type TokenWish } from '../domain/clients/initial-access-tokens.ts'
import { PROFILES, type Profile } from '../domain/clients/profile.ts'
import { isDomainError } from '../domain/errors.ts'
import { answers, Refusal } from './answer.ts'
import { commaList, group, leaf, line, moment, wholeNumber } from './leaf.ts'
import { CLI } from './services.ts'
import { withStorage } from './stores.ts'

const DAY_SECONDS = 24 * 3600

interface Limits {
  days: number
  uses: number
  maxClients?: number
  redirectHosts?: string[]
  grantTypes?: string[]
  scopes?: string[]
  profile?: Profile
  softwareStatement?: boolean
}

export function initialAccessTokenCommands(program: Command): void {
  const tokens = group(
    program,
    'initial-access-token',
    'tokens with which apps register themselves (RFC 7591)',
  )
  leaf(tokens, 'create', {
    summary: 'make a token and show it, once',
    description:
      'Makes a token and shows it, once. An option that is not given does not limit what apps register.',
    examples: [
      'initial-access-token create "the shop\'s team"',
      'initial-access-token create ci --uses 0 --redirect-hosts app.example.org,*.example.org',
    ],
  })
    .argument('<name>', 'what it is for')
    .option('--days <n>', 'good for so many days', wholeNumber(1), 90)
    .option('--uses <n>', 'good for so many registrations; 0: any number', wholeNumber(0), 1)
    .option('--max-clients <n>', 'at most so many clients at one time', wholeNumber(1))
    .option('--redirect-hosts <list>', 'people may be sent to these hosts only', commaList)
    .option('--grant-types <list>', 'for example authorization_code,refresh_token', commaList)
    .option('--scopes <list>', 'for example openid,email', commaList)
    .addOption(new Option('--profile <name>', 'how strict the clients are to be').choices(PROFILES))
    .option(
      '--software-statement',
      'each app must bring a statement of an issuer in SOFTWARE_STATEMENT_ISSUERS',
    )
    .action(
      answers((name: string, limits: Limits) =>
        withTokens(async (service) => {
          const { id, value } = await service.create(wishOf(name, limits), CLI.by)
          const words = `${value}\n\n${id} is shown this once; its users send it as: Authorization: Bearer …`
          return { json: { id, value }, words }
        }),
      ),
    )
  leaf(tokens, 'list', {
    summary: 'the tokens there are, without their values',
    examples: ['initial-access-token list'],
  }).action(
    answers(() =>
      withTokens(async (service) => {
        const all = await service.list()
        const json = all.map((token) => ({
          ...token,
          closedBecause: closedBecause(token, new Date()) ?? null,
        }))
        return { json, words: all.map(lineOf).join('\n') || 'There are none.' }
      }),
    ),
  )
  leaf(tokens, 'revoke', {
    summary: 'let nobody register by a token any more; clients that did stay',
    examples: ['initial-access-token revoke iat_0123456789abcdef0123456789abcdef'],
  })
    .argument('<id>', 'as "list" shows it')
    .action(
      answers((id: string) =>
        withTokens(async (service) => {
          await service.revoke(id, CLI.by).catch((error) => {
            throw isDomainError(error, 'not_found') ? unknown(id) : error
          })
          return { json: { revoked: id }, words: `${id} is revoked.` }
        }),
      ),
    )
}

function withTokens<T>(work: (service: InitialAccessTokens) => Promise<T>): Promise<T> {
  return withStorage(({ storage, keyring }) =>
    work(new InitialAccessTokens({ database: storage.database, random: secureRandom, keyed: keyring })),
  )
}

function unknown(id: string): Refusal {
  const words = `Nothing was changed: there is no "${id}" that is not revoked; "list" shows what there is.`
  return new Refusal('not_found', words)
}

function lineOf(token: InitialAccessToken): string {
  const closed = closedBecause(token, new Date())
  const facts = [
    closed?.replace('the initial access token ', '') ?? 'open',
    token.usesLeft === undefined ? 'any number of uses' : `${token.usesLeft} uses left`,
    `${token.clients} clients${token.maxClients === undefined ? '' : ` of ${token.maxClients}`}`,
    token.expiresAt ? `until ${moment(token.expiresAt)}` : 'no end',
    JSON.stringify(token.policy),
  ]
  return line(token.id, token.name, ...facts)
}

function wishOf(name: string, limits: Limits): TokenWish {
  const { days, uses, maxClients, redirectHosts, grantTypes, scopes, profile, softwareStatement } = limits
  return {
    name,
    ttlSeconds: days * DAY_SECONDS,
    usesLeft: uses === 0 ? undefined : uses,
    maxClients,
    policy: {
      ...(redirectHosts ? { redirectHosts: redirectHosts.map((host) => host.toLowerCase()) } : {}),
      ...(grantTypes ? { grantTypes } : {}),
      ...(scopes ? { scopes } : {}),
      ...(profile ? { profile } : {}),
      ...(softwareStatement ? { softwareStatement } : {}),
    },
  }
}
