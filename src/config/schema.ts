/** Every setting: its name, its form, its default. The table in the README is tested against this list. */
import { z } from 'zod'
import { parseRedisUrl } from '../lib/redis-url.ts'

const number = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d+$/, 'must be a whole number')
    .transform(Number)
    .refine((value) => value >= min && value <= max, `must be between ${min} and ${max}`)

const list = z.string().transform((value) =>
  value
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== ''),
)

const url = (...protocols: string[]) =>
  z.string().refine(
    (value) => {
      const parsed = URL.parse(value)
      return parsed !== null && protocols.includes(parsed.protocol)
    },
    `must be a URL (${protocols.map((protocol) => `${protocol}//…`).join(' or ')})`,
  )

const redisUrl = z.string().superRefine((value, context) => {
  try {
    parseRedisUrl(value)
  } catch (error) {
    context.addIssue({ code: 'custom', message: (error as Error).message })
  }
})

const headerName = z.string().regex(/^[A-Za-z0-9-]{1,64}$/, 'must be the name of a header')

/** name -> form. Everything is optional here; what a mode needs is decided in `load.ts`. */
export const SETTINGS = {
  ISSUER: url('https:', 'http:').optional(),
  HOST: z.string().optional(),
  PORT: number(1, 65535).optional(),
  SAMPLES_PORT: number(1, 65535).optional(),
  DATA_DIR: z.string().optional(),
  DATABASE_URL: url('postgres:', 'postgresql:').optional(),
  DATABASE_POOL: number(2, 200).optional(),
  REDIS_URL: redisUrl.optional(),
  SMTP_URL: url('smtp:', 'smtps:').optional(),
  MAIL_FROM: z
    .string()
    .regex(/.+@.+/, 'must be an e-mail address, as in "Name <address@example.org>"')
    .optional(),
  OSTIARY_SECRET_KEY: z.string().optional(),
  OSTIARY_SECRET_KEY_PREVIOUS: z.string().optional(),
  INITIAL_ACCESS_TOKEN: z.string().min(32, 'must have at least 32 characters').optional(),
  REGISTRATION: z.enum(['token', 'open', 'off'], 'must be token, open or off').optional(),
  REGISTRATION_UNUSED_DAYS: number(1, 3650).optional(),
  SOFTWARE_STATEMENT_ISSUERS: z.string().optional(),
  CLIENT_ID_METADATA: z.enum(['off', 'list', 'open'], 'must be off, list or open').optional(),
  CLIENT_ID_METADATA_HOSTS: list.optional(),
  METRICS_TOKEN: z.string().min(32, 'must have at least 32 characters').optional(),
  TRUSTED_PROXIES: list.optional(),
  MTLS_ORIGIN: url('https:').optional(),
  MTLS_CERT_HEADER: headerName.optional(),
  MTLS_VERIFY_HEADER: headerName.optional(),
  OUTBOUND_ALLOW: list.optional(),
  CLIENTS_FILE: z.string().optional(),
  AUTHORIZATION_DETAILS_FILE: z.string().optional(),
  RESOURCE_SERVERS: z.string().optional(),
  API_CORS_ORIGINS: list.optional(),
  AUTH_API: z.enum(['on', 'off'], 'must be on or off').optional(),
  AUTH_API_TAKEN: z.enum(['hide', 'tell'], 'must be hide or tell').optional(),
  AUTH_API_ACCESS_MINUTES: number(1, 1440).optional(),
  AUTH_API_SIGN_IN_DAYS: number(1, 365).optional(),
  BRAND_NAME: z.string().min(1).max(40, 'must have at most 40 characters').optional(),
  DOCS_URL: url('https:').optional(),
  POLICY_URL: url('https:').optional(),
  TERMS_URL: url('https:').optional(),
  PASSWORD_MIN_LENGTH: number(1, 64).optional(),
  DELETION_COOL_OFF_DAYS: number(0, 365).optional(),
  SESSION_IDLE_HOURS: number(1, 8760).optional(),
  SESSION_MAX_HOURS: number(1, 8760).optional(),
  REMEMBER_IDLE_DAYS: number(1, 365).optional(),
  REMEMBER_MAX_DAYS: number(1, 365).optional(),
  REFRESH_IDLE_DAYS: number(1, 3650).optional(),
  REFRESH_MAX_DAYS: number(1, 3650).optional(),
  SIGNING_ALGORITHMS: list.optional(),
  SIGNING_KEY_DAYS: number(0, 3650).optional(),
  AUDIT_ACTIVITY_DAYS: number(0, 36500).optional(),
  AUDIT_ADMINISTRATION_DAYS: number(0, 36500).optional(),
  AUDIT_SECURITY_DAYS: number(0, 36500).optional(),
  AUDIT_STREAM: z
    .string()
    .regex(/^[\w:.{}-]{1,200}$/, 'must be the name of a Redis key: letters, digits and any of : . - _ { }')
    .optional(),
  AUDIT_STREAM_LENGTH: number(100, 100_000_000).optional(),
  ARGON2_MEMORY_KIB: number(8, 4_194_304).optional(),
  ARGON2_ITERATIONS: number(1, 100).optional(),
  HASHING_SLOTS: number(1, 64).optional(),
  WORKERS: z
    .string()
    .regex(/^(auto|[1-9]|[1-5]\d|6[0-4])$/, 'must be a number from 1 to 64, or auto')
    .optional(),
  OTEL_EXPORTER_OTLP_ENDPOINT: url('http:', 'https:').optional(),
  OTEL_SERVICE_NAME: z.string().min(1).max(100, 'must have at most 100 characters').optional(),
  OTEL_TRACES_SAMPLER_ARG: z
    .string()
    .regex(/^(0(\.\d{1,6})?|1(\.0)?)$/, 'must be a number from 0 to 1, as in 0.1')
    .transform(Number)
    .optional(),
  LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error', 'silent']).optional(),
  DRAIN_DELAY_SECONDS: number(0, 60).optional(),
  DRAIN_SECONDS: number(0, 300).optional(),
} as const

export type SettingName = keyof typeof SETTINGS
export const SETTING_NAMES = Object.keys(SETTINGS) as SettingName[]

/** May be given as NAME_FILE; kept apart from the configuration and never printed. */
export const SECRET_NAMES = [
  'OSTIARY_SECRET_KEY',
  'OSTIARY_SECRET_KEY_PREVIOUS',
  'DATABASE_URL',
  'REDIS_URL',
  'SMTP_URL',
  'INITIAL_ACCESS_TOKEN',
  'METRICS_TOKEN',
] as const satisfies readonly SettingName[]

export const settingsSchema = z.strictObject(SETTINGS)
export type Settings = z.infer<typeof settingsSchema>
