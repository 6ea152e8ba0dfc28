/** Small valid things to put into stores, each with ids of its own. */
import { randomBytes } from 'node:crypto'
import type { AuthorizationType } from '../../src/domain/authorization/type.ts'
import type { ClientSettings } from '../../src/domain/clients/client.ts'
import type { NewEmailProof } from '../../src/domain/email/proof.ts'
import { type FailureRecord, newCode } from '../../src/domain/failures/record.ts'
import type { NewSigningKey } from '../../src/domain/keys/key.ts'
import { DEFAULTS, type ResourceServer } from '../../src/domain/resources/resource-server.ts'
import type { NewUser } from '../../src/domain/users/user.ts'

export function token(prefix = ''): string {
  return prefix + randomBytes(9).toString('base64url')
}

export function sampleUser(changes: Partial<NewUser> = {}): NewUser {
  return {
    id: token('usr_'),
    email: `${token('Ada.')}@Example.org`,
    emailVerified: false,
    username: undefined,
    profile: {},
    ...changes,
  }
}

export function sampleClient(changes: Partial<ClientSettings> = {}): ClientSettings {
  return {
    id: token('app-'),
    metadata: { redirect_uris: ['https://app.example/cb'], client_name: 'App' },
    secretDigest: undefined,
    firstParty: false,
    source: 'registration',
    ...changes,
  }
}

export function sampleResourceServer(
  changes: Partial<Omit<ResourceServer, 'status'>> = {},
): Omit<ResourceServer, 'status'> {
  return {
    ...DEFAULTS,
    audience: `https://${token('api-').toLowerCase()}.example`,
    name: 'An API',
    scopes: [{ name: 'read', description: 'Read what is there' }, { name: 'write' }],
    documentation: undefined,
    source: 'operator',
    ...changes,
  }
}

export function sampleAuthorizationType(changes: Partial<AuthorizationType> = {}): AuthorizationType {
  return {
    name: token('type-'),
    title: 'A payment',
    template: 'pay {{to}}',
    schema: { type: 'object', properties: { to: { type: 'string' } }, required: ['to'] },
    actions: ['read "it", all', '{x}'],
    locations: [],
    ask: 'always',
    selfRegistered: false,
    status: 'active',
    ...changes,
  }
}

export function sampleProof(changes: Partial<NewEmailProof> = {}): NewEmailProof {
  return {
    id: token('prf_'),
    purpose: 'verify-email',
    userId: undefined,
    email: 'ada@example.org',
    flow: token('flow-'),
    interactionUid: undefined,
    registration: undefined,
    ttlSeconds: 60,
    ...changes,
  }
}

export function sampleKey(changes: Partial<NewSigningKey> = {}): NewSigningKey {
  return {
    kid: token('key-'),
    line: 'ES256',
    state: 'current',
    jwk: { kty: 'EC', crv: 'P-256', d: token('very-private-') },
    ...changes,
  }
}

/** A token request with a code that was used before. */
export function sampleFailure(changes: Partial<FailureRecord> = {}): FailureRecord {
  return {
    code: newCode({ token: (bytes) => randomBytes(bytes).toString('base64url') }),
    requestId: token('request-'),
    at: new Date().toISOString(),
    endpoint: 'token',
    method: 'POST',
    status: 400,
    error: 'invalid_grant',
    description: 'grant request is invalid',
    detail: 'authorization code already consumed',
    clientId: 'app',
    sent: { grant_type: 'authorization_code', code: 'present, 43 characters' },
    presented: ['client_secret_basic'],
    jwts: {},
    ...changes,
  }
}
