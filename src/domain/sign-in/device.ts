/**
 * Browsers that signed in to an account before. A token per account, in one cookie; it grants nothing, it only
 * chooses the throttle's bucket and offers the account in the chooser.
 */
import { sameSecret } from '../email/secrets.ts'
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
      return userId !== '' && sameSecret(keyed, macOf(keyed, userId, deviceId), mac)
        ? [{ userId, deviceId }]
        : []
    })
}

/** The cookie value with the account in front, keeping its device id when it has one. */
export function rememberDevice(
  keyed: KeyedHash,
  random: Random,
  known: KnownAccount[],
  userId: string,
): string {
  const deviceId = known.find((entry) => entry.userId === userId)?.deviceId ?? random.token(16)
  return writeDevices(keyed, [{ userId, deviceId }, ...known.filter((entry) => entry.userId !== userId)])
}

export function writeDevices(keyed: KeyedHash, known: readonly KnownAccount[]): string {
  return known
    .slice(0, MAX_KNOWN_ACCOUNTS)
    .map(({ userId, deviceId }) => `${userId}.${deviceId}.${macOf(keyed, userId, deviceId)}`)
    .join('|')
}

function macOf(keyed: KeyedHash, userId: string, deviceId: string): string {
  return keyed.digest('device', `${userId}.${deviceId}`).toString('base64url')
}
