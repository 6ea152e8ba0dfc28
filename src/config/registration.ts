/** How applications come to be clients without an operator: registration, software statements, metadata documents. Pure. */

import { z } from 'zod'
import { LOOPBACK_HOSTS } from '../lib/texts.ts'
import type { Config, StatementIssuer } from './config.ts'
import type { Fault } from './read-env.ts'
import type { Settings } from './schema.ts'

const UNUSED_DAYS = 30
/** Members of keys that only the owner may have (RFC 7518 6). */
const PRIVATE = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']

const isSafe = (value: string) => {
  const url = URL.parse(value)
  return url?.protocol === 'https:' || (url?.protocol === 'http:' && LOOPBACK_HOSTS.has(url.hostname))
}

const issuersSchema = z.array(
  z
    .strictObject({
      issuer: z.string().min(1),
      jwks: z
        .object({
          keys: z
            .array(
              z
                .looseObject({ kty: z.enum(['RSA', 'EC', 'OKP']) })
                .refine((key) => PRIVATE.every((member) => !(member in key)), 'must hold public keys only'),
            )
            .min(1),
        })
        .optional(),
      jwks_uri: z.string().refine(isSafe, 'must be an https address (http only on loopback)').optional(),
    })
    .refine(
      ({ jwks, jwks_uri }) => (jwks === undefined) !== (jwks_uri === undefined),
      'must have jwks or jwks_uri, and not both',
    ),
)

export function registrationOf(
  settings: Settings,
  statementIssuers: StatementIssuer[],
): Config['registration'] {
  return {
    mode: settings.REGISTRATION ?? 'token',
    unusedDays: settings.REGISTRATION_UNUSED_DAYS ?? UNUSED_DAYS,
    statementIssuers,
    documents: {
      mode: settings.CLIENT_ID_METADATA ?? 'list',
      hosts: (settings.CLIENT_ID_METADATA_HOSTS ?? []).map((host) => host.toLowerCase()),
    },
  }
}

export function parseStatementIssuers(
  { SOFTWARE_STATEMENT_ISSUERS: text }: Settings,
  faults: Fault[],
): StatementIssuer[] {
  if (text === undefined) return []
  const name = 'SOFTWARE_STATEMENT_ISSUERS'
  try {
    const result = issuersSchema.safeParse(JSON.parse(text))
    if (result.success)
      return result.data.map(({ issuer, jwks, jwks_uri: jwksUri }) => ({ issuer, jwks, jwksUri }))
    for (const issue of result.error.issues)
      faults.push({ name: [name, ...issue.path].join('.'), problem: issue.message })
  } catch (error) {
    faults.push({ name, problem: `is not JSON: ${(error as Error).message}` })
  }
  return []
}

export function checkRegistration(settings: Settings, faults: Fault[]): void {
  const { CLIENT_ID_METADATA: mode, CLIENT_ID_METADATA_HOSTS: hosts = [] } = settings
  const fault = (name: keyof Settings, problem: string) => faults.push({ name, problem })
  for (const host of hosts)
    if (!/^(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)*(:\d{1,5})?$/i.test(host))
      fault('CLIENT_ID_METADATA_HOSTS', `"${host}" is not a host, as in app.example.org or *.example.org`)
  if (mode === 'list' && hosts.length === 0)
    fault('CLIENT_ID_METADATA_HOSTS', 'must name the hosts that CLIENT_ID_METADATA=list lets in')
  if (hosts.length > 0 && (mode === 'off' || mode === 'open'))
    fault(
      'CLIENT_ID_METADATA_HOSTS',
      `has no meaning with CLIENT_ID_METADATA=${mode}; take one of the two out`,
    )
  if (settings.REGISTRATION === 'off' && settings.INITIAL_ACCESS_TOKEN !== undefined)
    fault('INITIAL_ACCESS_TOKEN', 'has no meaning with REGISTRATION=off; take one of the two out')
}
