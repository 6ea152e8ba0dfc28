/** The settings as they are in force, by their names: for showing them. What is no row here has no default. Pure. */
import type { Config } from './config.ts'
import type { SettingName } from './schema.ts'

const HOUR = 3600
const DAY = 24 * HOUR

export function effectiveSettings(config: Config): Partial<Record<SettingName, string>> {
  const { listen, samples, database, registration, lifetimes, signing, hashing } = config
  const values: Partial<Record<SettingName, string | number | undefined>> = {
    HOST: listen.hosts.join(', '),
    PORT: listen.port,
    SAMPLES_PORT: samples?.port,
    DATA_DIR: database.kind === 'pglite' ? config.dataDir : undefined,
    DATABASE_POOL: database.kind === 'postgres' ? database.poolSize : undefined,
    MAIL_FROM: config.mail.from,
    REGISTRATION: registration.mode,
    REGISTRATION_UNUSED_DAYS: registration.unusedDays,
    CLIENT_ID_METADATA: registration.documents.mode,
    BRAND_NAME: config.brandName,
    PASSWORD_MIN_LENGTH: config.password.minLength,
    SESSION_IDLE_HOURS: lifetimes.session.idle / HOUR,
    SESSION_MAX_HOURS: lifetimes.session.most / HOUR,
    REMEMBER_IDLE_DAYS: lifetimes.remembered.idle / DAY,
    REMEMBER_MAX_DAYS: lifetimes.remembered.most / DAY,
    REFRESH_IDLE_DAYS: lifetimes.refresh.idle / DAY,
    REFRESH_MAX_DAYS: lifetimes.refresh.most / DAY,
    SIGNING_ALGORITHMS: signing.algorithms.join(', '),
    SIGNING_KEY_DAYS: signing.signFor / DAY,
    ARGON2_MEMORY_KIB: hashing.memoryKiB,
    ARGON2_ITERATIONS: hashing.iterations,
    HASHING_SLOTS: hashing.slots,
    WORKERS: config.workers,
    LOG_LEVEL: config.logLevel,
    DRAIN_DELAY_SECONDS: config.drainDelaySeconds,
    DRAIN_SECONDS: config.drainSeconds,
  }
  return Object.fromEntries(
    Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]])),
  )
}
