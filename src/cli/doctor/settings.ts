/** Settings that are valid and yet weak, without effect, or at odds with each other. Pure but for the mode of a file. */
import { statSync } from 'node:fs'
import { totalmem } from 'node:os'
import type { Config } from '../../config/config.ts'
import type { RawSettings, ReadSettings } from '../../config/read-env.ts'
import { SECRET_NAMES, type SettingName } from '../../config/schema.ts'
import { LOOPBACK_HOSTS } from '../../lib/texts.ts'
import type { FindingCode, Seen } from './findings.ts'

/** of the machine's memory, for hashes */
const MOST_HASHING = 1 / 2

export function lookAtSettings(config: Config, { raw, sources, file }: Omit<ReadSettings, 'faults'>): Seen[] {
  const seen: Seen[] = [
    ...weaknesses(config, raw),
    ...unused(config, raw).map(
      ([name, why]): Seen => ({
        area: 'settings',
        code: 'setting-unused',
        what: `${name} has no effect: ${why}`,
      }),
    ),
  ]
  if (SECRET_NAMES.some((name) => sources[name] === file) && othersRead(file))
    seen.push({
      ...{ area: 'settings', code: 'config-file-readable' },
      what: `${file} holds secrets, and others of this machine can read it`,
    })
  const faults = seen.filter((one) => 'code' in one)
  return faults.length > 0 ? seen : [{ area: 'settings', well: 'valid, none weak or without effect' }]
}

function weaknesses(config: Config, raw: RawSettings): Seen[] {
  const { mode, hashing, workers } = config
  const production = mode === 'production'
  const hashingBytes = hashing.slots * workers * hashing.memoryKiB * 1024
  const table: [boolean, FindingCode, string][] = [
    [!production, 'evaluation-mode', 'ISSUER is not set: everything is on this machine, for trying out'],
    [
      production && config.password.minLength < 15,
      'password-short',
      `passwords of ${config.password.minLength} characters are taken`,
    ],
    [production && config.registration.mode === 'open', 'registration-open', 'anybody may register apps'],
    [
      config.registration.documents.mode === 'open',
      'documents-open',
      'a client_id may be an address on any host',
    ],
    [
      production && raw.INITIAL_ACCESS_TOKEN !== undefined,
      'shared-registration-token',
      'INITIAL_ACCESS_TOKEN lets apps register without limits, and nobody can tell who used it',
    ],
    [
      production && config.trustedProxies.length === 0,
      'proxies-missing',
      'no proxy is named in TRUSTED_PROXIES',
    ],
    [
      config.signing.signFor === 0,
      'keys-never-rotate',
      'the keys that sign stay until somebody changes them',
    ],
    [
      production && (config.logLevel === 'debug' || config.logLevel === 'silent'),
      'log-level',
      `LOG_LEVEL is ${config.logLevel}`,
    ],
    [
      hashingBytes > totalmem() * MOST_HASHING,
      'hashing-memory',
      `password hashes may take ${Math.round(hashingBytes / 2 ** 20)} MiB at once, more than half of this machine`,
    ],
    ...inClear(raw).map((what): [boolean, FindingCode, string] => [true, 'connection-in-clear', what]),
  ]
  return table.filter(([is]) => is).map(([, code, what]) => ({ area: 'settings', code, what }))
}

function inClear({ DATABASE_URL, REDIS_URL, SMTP_URL }: RawSettings): string[] {
  const away = (text: string | undefined) => {
    const url = URL.parse(text ?? '')
    return url && url.hostname !== '' && !LOOPBACK_HOSTS.has(url.hostname) ? url : undefined
  }
  const [database, mail] = [away(DATABASE_URL), away(SMTP_URL)]
  const tls = mail?.protocol === 'smtps:' || mail?.searchParams.get('requireTLS') === 'true'
  // with a password TLS is required unless it was switched off
  const mailSafe = tls || (mail?.username !== '' && mail?.searchParams.get('requireTLS') === null)
  return [
    ...(database && !/^(require|verify-ca|verify-full)$/.test(database.searchParams.get('sslmode') ?? '')
      ? ['the connection to Postgres is not encrypted for sure (no sslmode in DATABASE_URL)']
      : []),
    ...(REDIS_URL?.startsWith('redis') &&
    !REDIS_URL.startsWith('rediss') &&
    !/[@/](localhost|127\.0\.0\.1|\[::1\])[:/]?/.test(REDIS_URL)
      ? ['the connection to Redis is not encrypted (redis:// and not rediss://)']
      : []),
    ...(mail && !mailSafe ? ['mail may go to the SMTP server unencrypted'] : []),
  ]
}

function unused(config: Config, raw: RawSettings): [SettingName, string][] {
  const postgres = config.database.kind === 'postgres'
  const table: [SettingName, boolean, string][] = [
    ['DATABASE_POOL', postgres, 'the embedded database has no pool'],
    ['DATA_DIR', !postgres || config.mode === 'evaluation', 'it is for the embedded database'],
    ['MAIL_FROM', config.mail.kind === 'smtp', 'no mail leaves without SMTP_URL'],
    [
      'REGISTRATION_UNUSED_DAYS',
      config.registration.mode === 'open',
      `REGISTRATION is ${config.registration.mode}`,
    ],
    ['INITIAL_ACCESS_TOKEN', config.registration.mode !== 'off', 'REGISTRATION is off'],
  ]
  return table.filter(([name, used]) => raw[name] !== undefined && !used).map(([name, , why]) => [name, why])
}

function othersRead(file: string): boolean {
  try {
    return process.platform !== 'win32' && (statSync(file).mode & 0o077) !== 0
  } catch {
    return false
  }
}
