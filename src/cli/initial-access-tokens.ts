/** `npm run initial-access-tokens`: tokens with which applications register themselves (RFC 7591 3). */
import { parseArgs } from 'node:util'
import { secureRandom } from '../crypto/random.ts'
import { closedBecause, type InitialAccessToken } from '../domain/clients/initial-access-token.ts'
import { InitialAccessTokens, type TokenWish } from '../domain/clients/initial-access-tokens.ts'
import { isProfile, PROFILES } from '../domain/clients/profile.ts'
import { isDomainError } from '../domain/errors.ts'
import { type Opened, readArguments, runCommand, withStorage } from './command.ts'

const USAGE = `usage: npm run initial-access-tokens -- create NAME [OPTIONS] | list | revoke ID

  create    make a token and show it, once. What is not limited below is not limited
    --days N               good for so many days (90 unless you say so)
    --uses N               good for so many registrations (1 unless you say so; 0: any number)
    --max-clients N        at most so many clients at one time
    --redirect-hosts LIST  people may be sent to these hosts only: app.example.org,*.example.org
    --grant-types LIST     for example authorization_code,refresh_token
    --scopes LIST          for example openid,email
    --profile NAME         imposed: ${PROFILES.join(', ')}
    --software-statement   a statement of an issuer in SOFTWARE_STATEMENT_ISSUERS is needed
  list      show the tokens there are (not their values)
  revoke    nobody registers by it any more; clients that did stay`

type Command = { do: 'create'; wish: TokenWish } | { do: 'list' } | { do: 'revoke'; id: string }

const DAY_SECONDS = 24 * 3600

await runCommand(async () => {
  const command = readArguments(USAGE, readCommand)
  if (command) await withStorage((opened) => run(command, opened))
})

async function run(command: Command, { storage, keyring: keyed }: Opened): Promise<void> {
  const tokens = new InitialAccessTokens({ database: storage.database, random: secureRandom, keyed })
  if (command.do === 'create') {
    const { id, value } = await tokens.create(command.wish, 'cli')
    console.log(`${value}\n\n${id} is shown this once; its users send it as: Authorization: Bearer …`)
  }
  if (command.do === 'list') for (const token of await tokens.list()) console.log(lineOf(token))
  if (command.do === 'revoke') await revoke(tokens, command.id)
}

async function revoke(tokens: InitialAccessTokens, id: string): Promise<void> {
  try {
    await tokens.revoke(id, 'cli')
    console.log(`${id} is revoked.`)
  } catch (error) {
    if (!isDomainError(error, 'not_found')) throw error
    console.error(`Nothing was changed: there is no "${id}" that is not revoked; "list" shows what there is.`)
    process.exitCode = 1
  }
}

function lineOf(token: InitialAccessToken): string {
  const closed = closedBecause(token, new Date())
  const facts = [
    closed?.replace('the initial access token ', '') ?? 'open',
    token.usesLeft === undefined ? 'any number of uses' : `${token.usesLeft} uses left`,
    `${token.clients} clients${token.maxClients === undefined ? '' : ` of ${token.maxClients}`}`,
    token.expiresAt ? `until ${token.expiresAt.toISOString().slice(0, 16).replace('T', ' ')} UTC` : 'no end',
    JSON.stringify(token.policy),
  ]
  return [token.id, token.name, ...facts].join('  ')
}

function readCommand(): Command | undefined {
  const { values, positionals } = parseArgs({
    options: {
      days: { type: 'string', default: '90' },
      uses: { type: 'string', default: '1' },
      'max-clients': { type: 'string' },
      'redirect-hosts': { type: 'string' },
      'grant-types': { type: 'string' },
      scopes: { type: 'string' },
      profile: { type: 'string' },
      'software-statement': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
    allowPositionals: true,
  })
  const [word = 'help', argument, ...more] = positionals
  if (values.help || word === 'help') {
    console.log(USAGE)
    return undefined
  }
  if (word === 'list' && argument === undefined) return { do: 'list' }
  if (word === 'revoke' && argument !== undefined && more.length === 0) return { do: 'revoke', id: argument }
  if (word !== 'create' || argument === undefined || more.length > 0)
    throw new Error(`"${positionals.join(' ')}" is not a command`)
  const { profile } = values
  if (profile !== undefined && !isProfile(profile))
    throw new Error(`--profile must be one of ${PROFILES.join(', ')}`)
  const uses = numberOf('--uses', values.uses, 0)
  const maxClients = values['max-clients']
  return {
    do: 'create',
    wish: {
      name: argument,
      ttlSeconds: numberOf('--days', values.days, 1) * DAY_SECONDS,
      usesLeft: uses === 0 ? undefined : uses,
      maxClients: maxClients === undefined ? undefined : numberOf('--max-clients', maxClients, 1),
      policy: {
        ...listed('redirectHosts', values['redirect-hosts']?.toLowerCase()),
        ...listed('grantTypes', values['grant-types']),
        ...listed('scopes', values.scopes),
        ...(profile === undefined ? {} : { profile }),
        ...(values['software-statement'] ? { softwareStatement: true } : {}),
      },
    },
  }
}

function listed<Name extends string>(name: Name, text: string | undefined): { [_ in Name]?: string[] } {
  if (text === undefined) return {}
  const entries = text.split(',').map((entry) => entry.trim())
  return { [name]: entries.filter((entry) => entry !== '') } as { [_ in Name]?: string[] }
}

function numberOf(option: string, text: string, least: number): number {
  const number = Number(text)
  if (!/^\d{1,6}$/.test(text) || number < least)
    throw new Error(`${option} must be a whole number from ${least} on`)
  return number
}
