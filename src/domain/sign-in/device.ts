/**
 * Browsers that signed in to an account before. A token per account, in one cookie; it grants nothing, it only
 * chooses the throttle's bucket and offers the account in the chooser.
 */
import { sameDigest } from '../email/secrets.ts'
import type { KeyedHash, Random } from '../ports.ts'

export interface KnownAccount {
  userId: string
  deviceId: string
}

/** accounts remembered in one browser */
export const MAX_KNOWN_ACCOUNTS = 5

/** The accounts a cookie value names; entries that are not ours are dropped. Most recent first. */
export function readDevices(keyed: KeyedHash, cookie: string | undefined): KnownAccount[] {
  return (cookie ?? '')
    .split('|')
    .slice(0, MAX_KNOWN_ACCOUNTS)
    .flatMap((entry) => {
      const [userId = '', deviceId = '', mac = ''] = entry.split('.')
      return userId !== '' && sameDigest(keyed, keyed.digests(...device(userId, deviceId)), mac)
        ? [{ userId, deviceId }]
        : []
    })
}

/**
 * The cookie value with the account in front, keeping its device id when it has one.
 * @param credential names the password it signed in with: with another password the device is a stranger again
 */
export function rememberDevice(
  keyed: KeyedHash,
  random: Random,
  known: KnownAccount[],
  userId: string,
  credential: string,
): string {
  const before = known.find((entry) => entry.userId === userId)?.deviceId
  const base = before?.slice(0, before.lastIndexOf('-')) || random.token(16)
  const device = { userId, deviceId: `${base}-${tagOf(credential)}` }
  return writeDevices(keyed, [device, ...known.filter((entry) => entry.userId !== userId)])
}

/** Whether the device signed in with the password the account has now. */
export function isCurrent(deviceId: string, credential: string): boolean {
  return deviceId.endsWith(`-${tagOf(credential)}`)
}

/** 60 bits: enough to tell one person's passwords apart; the MAC vouches for it. */
function tagOf(credential: string): string {
  return credential.replaceAll('-', '_').slice(0, 10)
}

export function writeDevices(keyed: KeyedHash, known: readonly KnownAccount[]): string {
  return known
    .slice(0, MAX_KNOWN_ACCOUNTS)
    .map(({ userId, deviceId }) => `${userId}.${deviceId}.${macOf(keyed, userId, deviceId)}`)
    .join('|')
}

function macOf(keyed: KeyedHash, userId: string, deviceId: string): string {
  return keyed.digest(...device(userId, deviceId)).toString('base64url')
}

function device(userId: string, deviceId: string): [purpose: string, value: string] {
  return ['device', `${userId}.${deviceId}`]
}
