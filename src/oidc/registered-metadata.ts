/**
 * What we ask of metadata that comes from outside, beyond the engine's schema and what holds for every client
 * (`client-rules.ts`). Only when it comes: a client that is stored is not refused for a rule that is younger than it.
 */
import { errors } from 'oidc-provider'

const CONTACTS_MAX = 10
const CONTACT_MAX = 200
const TEXT_MAX = 200

/** Members that only the owner of a key may have (RFC 7518 6.2.2, 6.3.2, 6.4.1). */
const PRIVATE = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']
const KEYS_MAX = 20

/** @throws InvalidClientMetadata naming the member and what to change (RFC 7591 3.2.2) */
export function checkRegistered(metadata: Readonly<Record<string, unknown>>): void {
  checkRedirects(metadata.redirect_uris)
  checkContacts(metadata.contacts)
  for (const member of ['software_id', 'software_version']) checkText(member, metadata[member])
  checkKeys(metadata.jwks)
}

/** The engine looks for the hosts of pairwise clients before it has seen that these are texts, and fails. */
function checkRedirects(uris: unknown): void {
  if (Array.isArray(uris) && uris.some((uri) => typeof uri !== 'string'))
    refuse('redirect_uris must hold absolute URIs')
}

/** Addresses of mail; that they are some is seen to by the engine. */
function checkContacts(contacts: unknown): void {
  if (!Array.isArray(contacts)) return
  if (contacts.length > CONTACTS_MAX) refuse(`contacts must have at most ${CONTACTS_MAX} entries`)
  const wrong = contacts.find((contact) => typeof contact !== 'string' || contact.length > CONTACT_MAX)
  if (wrong !== undefined) refuse(`contacts must hold texts of at most ${CONTACT_MAX} characters`)
}

/** RFC 7591 2. The engine does not know these, and takes anything. */
function checkText(member: string, value: unknown): void {
  if (value === undefined || value === null) return
  if (typeof value !== 'string' || value.length > TEXT_MAX || /\p{Cc}/u.test(value))
    refuse(`${member} must be plain text of at most ${TEXT_MAX} characters`)
}

/** What is no key set at all is left for it to refuse. */
function checkKeys(jwks: unknown): void {
  const keys = (jwks as { keys?: unknown } | undefined)?.keys
  if (!Array.isArray(keys)) return
  if (keys.length > KEYS_MAX) refuse(`jwks must have at most ${KEYS_MAX} keys`)
  const kids = new Set<unknown>()
  for (const key of keys as (Record<string, unknown> | null)[]) {
    if (typeof key !== 'object' || key === null) continue
    // What it is must not be repeated to anybody, least of all in an error.
    if (PRIVATE.some((member) => member in key) && key.kty !== 'oct')
      refuse('jwks must hold public keys only: a private one was sent and is to be replaced')
    if (key.kid === undefined) continue
    if (kids.has(key.kid)) refuse('jwks must not hold two keys with one kid (RFC 7517 4.5)')
    kids.add(key.kid)
  }
}

/**
 * The engine says which values there are; which of those that were sent it does not know is for us to add, as libraries
 * send everything they could do.
 */
export function namingUnknown(description: string, sent: Readonly<Record<string, unknown>>): string {
  const [, member = '', allowed = ''] = /^(\w+) can only contain ('.+)$/.exec(description) ?? []
  const values = sent[member]
  const unknown = Array.isArray(values) && values.find((value) => !allowed.includes(`'${value}'`))
  return unknown ? `${description}, not ${shown(unknown)}` : description
}

function shown(value: unknown): string {
  return JSON.stringify(value).slice(0, 100)
}

function refuse(description: string): never {
  throw new errors.InvalidClientMetadata(description)
}
