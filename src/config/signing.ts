/** What tokens may be signed with, and how long with one key. Pure. */
import type { SigningAlgorithm } from '../domain/keys/key.ts'
import type { Config } from './config.ts'
import type { Fault } from './read-env.ts'
import type { Settings } from './schema.ts'

const DAY = 24 * 3600

const KNOWN: readonly SigningAlgorithm[] = ['ES256', 'RS256', 'PS256', 'EdDSA']

const NEEDED: readonly { algorithm: SigningAlgorithm; why: string }[] = [
  { algorithm: 'ES256', why: 'access tokens are signed with it' },
  {
    algorithm: 'RS256',
    why: 'apps that ask for nothing else get it (OpenID Connect Discovery 1.0, 3)',
  },
]

/** In the order they are told in discovery, whatever the order they were given in. */
export function signingOf(settings: Settings): Config['signing'] {
  const given = settings.SIGNING_ALGORITHMS ?? NEEDED.map(({ algorithm }) => algorithm as string)
  return {
    algorithms: KNOWN.filter((algorithm) => given.includes(algorithm)),
    signFor: (settings.SIGNING_KEY_DAYS ?? 90) * DAY,
  }
}

export function checkSigning({ SIGNING_ALGORITHMS: given }: Settings, faults: Fault[]): void {
  if (!given) return
  const fault = (problem: string) => faults.push({ name: 'SIGNING_ALGORITHMS', problem })
  for (const entry of given)
    if (!(KNOWN as readonly string[]).includes(entry)) fault(`"${entry}" is not one of ${KNOWN.join(', ')}`)
  for (const { algorithm, why } of NEEDED)
    if (!given.includes(algorithm)) fault(`must hold ${algorithm}: ${why}`)
}
