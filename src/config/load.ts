/** Settings -> Config and Secrets, or every fault at once in plain words. Pure but for the evaluation's key file. */
import { isIP } from 'node:net'
import type { ResourceServerSettings } from '../domain/resources/resource-server.ts'
import { auditOf, checkAudit } from './audit.ts'
import { type Config, Secrets, type StatementIssuer } from './config.ts'
import { givenSettings } from './given.ts'
import { checkHashing, hashingOf } from './hashing.ts'
import { evaluationAccessToken, evaluationKey, parseSecretKey } from './key-file.ts'
import { checkLifetimes, lifetimesOf } from './lifetimes.ts'
import { checkMtls, mtlsOf } from './mtls.ts'
import { type Fault, type RawSettings, sourceOf } from './read-env.ts'
import { checkRegistration, parseStatementIssuers, registrationOf } from './registration.ts'
import { resourceServersOf, sampleApi } from './resources.ts'
import { type Settings, settingsSchema } from './schema.ts'
import { checkSigning, signingOf } from './signing.ts'
import { checkTracing, tracingOf } from './tracing.ts'
import { checkWorkers, workersOf } from './workers.ts'

/** All faults of a configuration; its message lists them one a line. */
export class ConfigError extends Error {
  readonly faults: readonly Fault[]

  constructor(faults: readonly Fault[]) {
    super(
      ['The configuration has faults:', ...faults.map(({ name, problem }) => `  ${name}: ${problem}`)].join(
        '\n',
      ),
    )
    this.name = 'ConfigError'
    this.faults = faults
  }
}

/**
 * @param looks whoever only looks makes nothing: not the secret key of the first start in evaluation mode either
 * @throws ConfigError naming every fault
 */
export function loadConfig(
  raw: RawSettings,
  earlier: readonly Fault[] = [],
  { looks = false } = {},
): { config: Config; secrets: Secrets } {
  const faults: Fault[] = [...earlier]
  const settings = formed(raw, faults)
  const production = settings.ISSUER !== undefined
  const { algorithms } = signingOf(settings)
  const resourceServers = resourceServersOf(settings.RESOURCE_SERVERS, algorithms, faults)
  checkProxies(settings, faults)
  checkMtls(settings, faults)
  checkOrigins('OUTBOUND_ALLOW', settings, faults)
  checkOrigins('API_CORS_ORIGINS', settings, faults)
  checkWorkers(settings, faults)
  checkHashing(settings, faults)
  checkLifetimes(settings, faults)
  checkSigning(settings, faults)
  checkAudit(settings, faults)
  checkRegistration(settings, faults)
  checkTracing(settings, faults)
  const statementIssuers = parseStatementIssuers(settings, faults)
  if (settings.ISSUER !== undefined) checkProduction(settings, settings.ISSUER, faults)
  const rootKey = production
    ? parseSecretKey(settings.OSTIARY_SECRET_KEY, faults)
    : settings.OSTIARY_SECRET_KEY
      ? parseSecretKey(settings.OSTIARY_SECRET_KEY, faults)
      : faults.length === 0
        ? evaluationKey(settings.DATA_DIR ?? './data', faults, { looks })
        : undefined
  const previousRootKey = previousKey(settings, rootKey, faults)
  if (faults.length > 0 || rootKey === undefined) throw new ConfigError(onePerSetting(faults))
  return {
    config: deepFreeze({
      ...decide(settings, resourceServers, statementIssuers),
      given: givenSettings(raw, sourceOf),
    }),
    secrets: new Secrets({
      rootKey,
      previousRootKey,
      databaseUrl: settings.DATABASE_URL,
      redisUrl: settings.REDIS_URL,
      smtpUrl: settings.SMTP_URL,
      metricsToken: settings.METRICS_TOKEN,
      initialAccessToken:
        settings.INITIAL_ACCESS_TOKEN ??
        (production || settings.REGISTRATION === 'off' ? undefined : evaluationAccessToken(rootKey)),
    }),
  }
}

/** What has the right form; of the others the faults are told, and the rules see that they are there, as nothing. */
function formed(raw: RawSettings, faults: Fault[]): Settings {
  const parsed = settingsSchema.safeParse(raw)
  if (parsed.success) return parsed.data
  const wrong = parsed.error.issues.map(({ path, message }) => ({ name: path.join('.'), problem: message }))
  faults.push(...wrong)
  const names = new Set(
    parsed.error.issues.flatMap((issue) =>
      issue.code === 'unrecognized_keys' ? issue.keys : [issue.path.join('.')],
    ),
  )
  return settingsSchema.parse(Object.fromEntries(Object.entries(raw).filter(([name]) => !names.has(name))))
}

function decide(
  settings: Settings,
  resourceServers: ResourceServerSettings[],
  statementIssuers: StatementIssuer[],
): Omit<Config, 'given'> {
  const production = settings.ISSUER !== undefined
  const port = settings.PORT ?? 3000
  const issuer = settings.ISSUER ? new URL(settings.ISSUER).origin : `http://localhost:${port}`
  const samplesPort = settings.SAMPLES_PORT ?? port + 1
  const samples = production ? undefined : { port: samplesPort, origin: `http://localhost:${samplesPort}` }
  const dataDir = settings.DATA_DIR ?? './data'
  return {
    mode: production ? 'production' : 'evaluation',
    issuer,
    listen: {
      hosts: settings.HOST ? [settings.HOST] : production ? ['0.0.0.0'] : ['127.0.0.1', '::1'],
      port,
    },
    samples,
    dataDir,
    database: settings.DATABASE_URL
      ? { kind: 'postgres', poolSize: settings.DATABASE_POOL ?? 10 }
      : { kind: 'pglite', dataDir },
    redis: settings.REDIS_URL !== undefined,
    mail: {
      kind: settings.SMTP_URL ? 'smtp' : 'mailbox',
      from:
        settings.MAIL_FROM ?? `${settings.BRAND_NAME ?? 'Ostiary'} <no-reply@${new URL(issuer).hostname}>`,
    },
    trustedProxies: settings.TRUSTED_PROXIES ?? [],
    mtls: mtlsOf(settings),
    outboundAllow: [...(settings.OUTBOUND_ALLOW ?? []), ...(samples ? [samples.origin] : [])],
    clientsFile: settings.CLIENTS_FILE,
    resourceServers: samples ? [...resourceServers, sampleApi(samples.origin)] : resourceServers,
    registration: registrationOf(settings, statementIssuers),
    authorizationDetailsFile: settings.AUTHORIZATION_DETAILS_FILE,
    api: {
      corsOrigins: settings.API_CORS_ORIGINS ?? [],
      // On one's own machine there to be tried; in production for who decides to take passwords from programs.
      auth: (settings.AUTH_API ?? (production ? 'off' : 'on')) === 'on',
      tellsTaken: settings.AUTH_API_TAKEN === 'tell',
    },
    brandName: settings.BRAND_NAME ?? 'Ostiary',
    pages: { docs: settings.DOCS_URL, policy: settings.POLICY_URL, terms: settings.TERMS_URL },
    password: { minLength: settings.PASSWORD_MIN_LENGTH ?? 15 },
    deletion: { coolOffSeconds: (settings.DELETION_COOL_OFF_DAYS ?? 7) * 86_400 },
    lifetimes: lifetimesOf(settings),
    signing: signingOf(settings),
    audit: auditOf(settings),
    hashing: hashingOf(settings),
    tracing: tracingOf(settings),
    logLevel: settings.LOG_LEVEL ?? 'info',
    workers: workersOf(settings),
    drainDelaySeconds: settings.DRAIN_DELAY_SECONDS ?? (production ? 5 : 0),
    drainSeconds: settings.DRAIN_SECONDS ?? 25,
  }
}

function previousKey(settings: Settings, rootKey: Buffer | undefined, faults: Fault[]): Buffer | undefined {
  const name = 'OSTIARY_SECRET_KEY_PREVIOUS'
  const text = settings[name]
  const previous = text === undefined ? undefined : parseSecretKey(text, faults, name)
  if (previous && rootKey?.equals(previous))
    faults.push({ name, problem: 'is the same as OSTIARY_SECRET_KEY; leave it out unless that was changed' })
  return previous
}

/** A value of the wrong form looks missing to the rules: the form is what is wrong with it. */
function onePerSetting(faults: readonly Fault[]): Fault[] {
  const missing = ({ name, problem }: Fault) =>
    problem.startsWith('is required') && faults.some((one) => one.name === name && one.problem !== problem)
  return faults.filter((fault) => !missing(fault))
}

/** What may pass on one's own machine is refused in production, by name. */
function checkProduction(settings: Settings, issuer: string, faults: Fault[]): void {
  const fault = (name: keyof Settings, problem: string) => faults.push({ name, problem })
  const url = new URL(issuer)
  if (url.protocol !== 'https:')
    fault('ISSUER', 'must be an https:// address; leave it out to run in evaluation mode on this machine')
  if (
    url.pathname !== '/' ||
    url.search !== '' ||
    url.hash !== '' ||
    url.username !== '' ||
    url.password !== ''
  )
    fault(
      'ISSUER',
      'must be an origin without user, path, query or fragment, as in https://login.example.org',
    )
  if (!settings.DATABASE_URL)
    fault(
      'DATABASE_URL',
      'is required: the embedded database is for evaluation, it does not survive a power cut',
    )
  if (!settings.SMTP_URL)
    fault('SMTP_URL', 'is required: without it nobody can prove an address or reset a password')
  if (!settings.MAIL_FROM) fault('MAIL_FROM', 'is required: the sender of all mail')
  if (settings.SAMPLES_PORT !== undefined)
    fault('SAMPLES_PORT', 'has no meaning here: the sample apps run in evaluation mode only')
  if ((settings.PASSWORD_MIN_LENGTH ?? 15) < 8)
    fault(
      'PASSWORD_MIN_LENGTH',
      'must be at least 8 (NIST SP 800-63B-4); 15 where the password is the only factor',
    )
}

function checkProxies(settings: Settings, faults: Fault[]): void {
  for (const entry of settings.TRUSTED_PROXIES ?? []) {
    const [address = '', bits] = entry.split('/')
    const version = isIP(address)
    const max = version === 4 ? 32 : 128
    const width = bits === undefined ? max : Number(bits)
    if (version === 0 || !Number.isInteger(width) || width < 0 || width > max)
      faults.push({ name: 'TRUSTED_PROXIES', problem: `"${entry}" is not an address or CIDR block` })
    else if (width === 0)
      faults.push({
        name: 'TRUSTED_PROXIES',
        problem: `"${entry}" trusts everybody; name the proxy's own address`,
      })
  }
}

function checkOrigins(
  name: 'OUTBOUND_ALLOW' | 'API_CORS_ORIGINS',
  settings: Settings,
  faults: Fault[],
): void {
  for (const entry of settings[name] ?? []) {
    const url = URL.parse(entry)
    if (!url || url.origin !== entry)
      faults.push({
        name,
        problem: `"${entry}" is not an origin, as in https://app.internal:8443`,
      })
  }
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const member of Object.values(value)) deepFreeze(member)
  }
  return value
}
