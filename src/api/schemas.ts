/** People, applications and records as the API shows and takes them; names as in the claims and metadata of the standards. */
import { z } from 'zod'
import type { ClientSecret } from '../domain/clients/secrets.ts'
import type { Consent } from '../domain/consents/consent.ts'
import type { Application, AuditRecord, Person } from '../domain/directory/directory.ts'
import { OWN, PERMISSION_NAMES, type Permission } from '../domain/permissions/permissions.ts'
import type { OpenSession } from '../domain/ports.ts'
import { PROFILE_TEXTS, type ProfileClaim, textClaimsOf } from '../domain/users/profile-claims.ts'

const ID = z.string().min(1).max(255)
export const USER_PARAMS = z.strictObject({ id: ID })
export const CLIENT_PARAMS = z.strictObject({ id: ID })

export const ROLE_NAME = z
  .string()
  .regex(/^[a-z][a-z0-9_-]{0,63}$/, 'must be lower case letters, digits, - and _')

/** The calendar of the store knows no year 0. */
export const MOMENT = z.iso
  .datetime()
  .refine((text) => !text.startsWith('0000'), 'must be in the year 1 or later')

export function dateOf(text: string | undefined): Date | undefined {
  return text === undefined ? undefined : new Date(text)
}

/** What everybody may with what is their own is nobody's to give. */
export const GIVABLE = PERMISSION_NAMES.filter((name) => !OWN.includes(name)) as [Permission, ...Permission[]]
export const GIVEN_PERMISSIONS = z
  .array(z.enum(GIVABLE))
  .max(GIVABLE.length)
  .refine((all) => new Set(all).size === all.length, 'must not name one twice')

const text = z.string().trim().min(1).max(200)
const link = z.url({ protocol: /^https?$/ }).max(1000)
const PLAIN = ['name', 'given_name', 'family_name', 'middle_name', 'nickname', 'gender'] as const

const profileFields = {
  ...(Object.fromEntries(PLAIN.map((name) => [name, text])) as Record<(typeof PLAIN)[number], typeof text>),
  profile: link,
  picture: link,
  website: link,
  birthdate: z
    .string()
    .regex(
      /^(\d{4}|0000)(-\d{2}-\d{2})?$/,
      'must be YYYY-MM-DD, YYYY or 0000-MM-DD (OpenID Connect Core 5.1)',
    ),
  zoneinfo: z.string().regex(/^[A-Za-z0-9_+/-]{1,64}$/, 'must be a name such as Europe/Vienna'),
  locale: z.string().regex(/^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$/, 'must be a BCP 47 language tag'),
  phone_number: z
    .string()
    .regex(/^\+?[0-9 ().;=a-z-]{3,40}$/i, 'must be a telephone number (E.164, RFC 3966)'),
} satisfies Record<ProfileClaim, z.ZodType>

/** What was stored by other ways may be older than these rules. */
const PROFILE_OUT = z.strictObject(
  Object.fromEntries(Object.keys(profileFields).map((name) => [name, z.string().optional()])) as Record<
    ProfileClaim,
    z.ZodOptional<z.ZodString>
  >,
)
export const NEW_PROFILE = z.strictObject(profileFields).partial()
export const PROFILE_CHANGES = z.strictObject(
  Object.fromEntries(
    Object.entries(profileFields).map(([name, schema]) => [name, schema.nullable().optional()]),
  ) as Record<ProfileClaim, z.ZodOptional<z.ZodNullable<z.ZodString>>>,
)

export const ME = z.strictObject({
  id: z.string(),
  email: z.string(),
  email_verified: z.boolean(),
  username: z.string().nullable(),
  profile: PROFILE_OUT,
  roles: z.array(z.string()),
  created_at: z.iso.datetime(),
  updated_at: z.iso.datetime(),
})
export const USER = z.strictObject({
  ...ME.shape,
  status: z.enum(['active', 'disabled']),
  erase_at: z.iso.datetime().nullable().describe('the account was deleted, and is erased then'),
})

export function meOf(person: Person): z.infer<typeof ME> {
  return {
    id: person.id,
    email: person.email,
    email_verified: person.emailVerified,
    username: person.username ?? null,
    profile: textClaimsOf(person.profile),
    roles: person.roles,
    created_at: person.createdAt.toISOString(),
    updated_at: person.updatedAt.toISOString(),
  }
}

export function userOf(person: Person): z.infer<typeof USER> {
  return { ...meOf(person), status: person.status, erase_at: person.eraseAt?.toISOString() ?? null }
}

/** Members of a profile from the claims that were sent; `null` stays null. */
export function profileOf<Value>(claims: Partial<Record<ProfileClaim, Value>>): Record<string, Value> {
  const members = Object.entries(PROFILE_TEXTS).map(([claim, member]) => [
    member,
    claims[claim as ProfileClaim],
  ])
  return Object.fromEntries(members.filter(([, value]) => value !== undefined))
}

export const SESSION = z.strictObject({
  id: z.string(),
  client_ids: z.array(z.string()).describe('applications it is signed in to'),
})
export function sessionOf({ id, clientIds }: OpenSession): z.infer<typeof SESSION> {
  return { id, client_ids: clientIds }
}

export const SESSIONS = z.strictObject({ items: z.array(SESSION) })

export const CONSENT = z.strictObject({
  client_id: z.string(),
  scopes: z.array(z.string()),
  claims: z.array(z.string()),
  resources: z.record(z.string(), z.array(z.string())),
  updated_at: z.iso.datetime(),
})
export function consentOf(consent: Consent & { updatedAt: Date }): z.infer<typeof CONSENT> {
  const { clientId, scopes, claims, resources, updatedAt } = consent
  return { client_id: clientId, ...{ scopes, claims, resources }, updated_at: updatedAt.toISOString() }
}

export const CONSENTS = z.strictObject({ items: z.array(CONSENT) })

export const AUDIT_RECORD = z.strictObject({
  id: z.string(),
  at: z.iso.datetime(),
  name: z.string(),
  outcome: z.enum(['success', 'failure']),
  user_id: z.string().nullable(),
  client_id: z.string().nullable(),
  request_id: z.string().nullable(),
  ip: z.string().nullable(),
  user_agent: z.string().nullable(),
  personal: z
    .record(z.string(), z.string())
    .describe('what identifies the person; like ip and user_agent gone with whose it was'),
  detail: z.record(z.string(), z.unknown()),
})

export function recordOf(record: AuditRecord): z.infer<typeof AUDIT_RECORD> {
  return {
    id: record.id,
    at: record.at.toISOString(),
    name: record.name,
    outcome: record.outcome,
    user_id: record.userId ?? null,
    client_id: record.clientId ?? null,
    request_id: record.requestId ?? null,
    ip: record.ip ?? null,
    user_agent: record.userAgent ?? null,
    personal: record.personal,
    detail: record.detail,
  }
}

export const CLIENT_SECRET = z.strictObject({
  id: z.enum(['current', 'former']),
  made_at: z.iso.datetime(),
  expires_at: z.iso.datetime().nullable(),
  last_used_on: z.iso.date().nullable(),
})

export function secretOf(secret: ClientSecret): z.infer<typeof CLIENT_SECRET> {
  return {
    id: secret.id,
    made_at: secret.madeAt.toISOString(),
    expires_at: secret.expiresAt?.toISOString() ?? null,
    last_used_on: secret.lastUsedOn ?? null,
  }
}

export const CLIENT = z.strictObject({
  client_id: z.string(),
  metadata: z
    .record(z.string(), z.unknown())
    .describe('client metadata of OpenID Connect Dynamic Registration 1.0'),
  first_party: z.boolean(),
  source: z.enum(['configuration', 'registration', 'document']),
  status: z.enum(['active', 'disabled']),
  has_secret: z.boolean(),
  created_at: z.iso.datetime(),
  updated_at: z.iso.datetime(),
})

export function clientOf(client: Application): z.infer<typeof CLIENT> {
  return {
    client_id: client.id,
    metadata: client.metadata,
    first_party: client.firstParty,
    source: client.source,
    status: client.status,
    has_secret: client.secretDigest !== undefined,
    created_at: client.createdAt.toISOString(),
    updated_at: client.updatedAt.toISOString(),
  }
}
