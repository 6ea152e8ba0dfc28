/** Small valid things to put into stores, each with ids of its own. */
import { randomBytes } from 'node:crypto'
import type { ClientSettings } from '../../src/domain/clients/client.ts'
import type { NewEmailProof } from '../../src/domain/email/proof.ts'
import type { NewSigningKey } from '../../src/domain/keys/key.ts'
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
