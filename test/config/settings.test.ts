/** From environment and file to a configuration: all faults at once, in words, and nothing secret in any of them. */
import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { expect } from 'chai'
import { ConfigError, loadConfig } from '../../src/config/load.ts'
import { type Fault, type RawSettings, readSettings } from '../../src/config/read-env.ts'
import { SECRET_NAMES, SETTING_NAMES } from '../../src/config/schema.ts'
import { createLogger } from '../../src/telemetry/logger.ts'

const KEY = randomBytes(32).toString('base64')
const PRODUCTION: RawSettings = {
  ISSUER: 'https://login.example.org',
  DATABASE_URL: 'postgres://ostiary:hunter2@db/ostiary',
  SMTP_URL: 'smtp://mailer:hunter2@mail:587',
  MAIL_FROM: 'Ostiary <no-reply@example.org>',
  OSTIARY_SECRET_KEY: KEY,
}

describe('settings', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'ostiary-config-'))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  const file = (name: string, content: string): string => {
    const path = join(folder, name)
    writeFileSync(path, content)
    return path
  }
  const nowhere = () => join(folder, 'there-is-none.json')
  const names = (faults: readonly Fault[]) => faults.map(({ name }) => name)

  function faultsOf(raw: RawSettings, earlier: Fault[] = []): readonly Fault[] {
    try {
      loadConfig({ DATA_DIR: join(folder, 'data'), ...raw }, earlier)
    } catch (error) {
      expect(error).to.be.instanceOf(ConfigError)
      return (error as ConfigError).faults
    }
    return []
  }

  describe('read', () => {
    it('from the environment; empty means not set', () => {
      const { raw, faults } = readSettings({ PORT: '4000', HOST: '', PATH: '/bin' }, nowhere())
      expect(raw).to.deep.equal({ PORT: '4000' })
      expect(faults).to.deep.equal([])
    })

    it('from a file with the same names; the environment wins', () => {
      const path = file(
        'c.json',
        JSON.stringify({ PORT: 4000, BRAND_NAME: 'Door', TRUSTED_PROXIES: '10.0.0.1' }),
      )
      const { raw, faults } = readSettings({ BRAND_NAME: 'Gate' }, path)
      expect(faults).to.deep.equal([])
      expect(raw).to.deep.equal({ PORT: '4000', BRAND_NAME: 'Gate', TRUSTED_PROXIES: '10.0.0.1' })
    })

    it('refuses what it does not know, in the file and after OSTIARY_, and guesses what was meant', () => {
      const path = file('c.json', JSON.stringify({ port: 1, NONSENSE: 2 }))
      const { faults } = readSettings(
        { OSTIARY_SECRET: 'x', OSTIARY_PORT: '1', OSTIARY_SECRET_KEY: KEY, OTHER: 'fine' },
        path,
      )
      expect(names(faults)).to.have.members(['port', 'NONSENSE', 'OSTIARY_SECRET', 'OSTIARY_PORT'])
      expect(faults.find(({ name }) => name === 'port')?.problem)
        .to.include('did you mean PORT?')
        .and.include(path)
      expect(faults.find(({ name }) => name === 'OSTIARY_PORT')?.problem).to.include('did you mean PORT?')
      expect(faults.find(({ name }) => name === 'OSTIARY_SECRET')?.problem).to.include('OSTIARY_SECRET_KEY')
    })

    it('knows that OSTIARY_CONFIG names the file, which must then be there', () => {
      const missing = nowhere()
      expect(names(readSettings({ OSTIARY_CONFIG: missing }).faults)).to.deep.equal([missing])
      const path = file('named.json', '{"PORT":"4001"}')
      expect(readSettings({ OSTIARY_CONFIG: path })).to.deep.equal({
        ...{ raw: { PORT: '4001' }, faults: [] },
        ...{ sources: { PORT: path }, file: path },
      })
      expect(readSettings({}, missing).faults, 'the default one may be missing').to.deep.equal([])
      expect(names(readSettings({}, folder).faults), 'a folder is no file').to.deep.equal([folder])
    })

    it('says what is wrong with a file that is not one JSON object, and reads on', () => {
      for (const content of ['', '{', '[]', 'null', '1', '"x"', '{"PORT": 4000,}', 'PORT=4000']) {
        const path = file('broken.json', content)
        const { raw, faults } = readSettings({ HOST: '::1' }, path)
        expect(names(faults), content).to.deep.equal([path])
        expect(faults[0]?.problem).to.match(/JSON/)
        expect(raw).to.deep.equal({ HOST: '::1' })
      }
    })

    it('takes a secret from a file, without the line break at its end', () => {
      for (const name of SECRET_NAMES) {
        const path = file(name, 'value-of-the-secret\n')
        const { raw, faults } = readSettings({ [`${name}_FILE`]: path }, nowhere())
        expect(faults, name).to.deep.equal([])
        expect(raw).to.deep.equal({ [name]: 'value-of-the-secret' })
      }
    })

    it('refuses a secret given twice, and a file of one that cannot be read', () => {
      const path = file('secret', 'one')
      const twice = readSettings({ SMTP_URL: 'two', SMTP_URL_FILE: path }, nowhere())
      expect(twice.faults).to.have.length(1)
      expect(twice.faults[0]).to.include({ name: 'SMTP_URL' })
      expect(twice.faults[0]?.problem).to.include('SMTP_URL_FILE')
      const missing = readSettings({ SMTP_URL_FILE: join(folder, 'none') }, nowhere())
      expect(missing.faults[0]).to.include({ name: 'SMTP_URL_FILE' })
      expect(missing.faults[0]?.problem).to.include('ENOENT')
    })

    it('does not take other settings from a file by accident', () => {
      const { raw, faults } = readSettings(
        { OSTIARY_NONSENSE_FILE: file('x', 'y'), PORT_FILE: file('p', '1') },
        nowhere(),
      )
      expect(raw).to.deep.equal({})
      expect(names(faults)).to.deep.equal(['OSTIARY_NONSENSE_FILE'])
    })
  })

  describe('faults', () => {
    it('are named all at once, one a line', () => {
      const raw: RawSettings = {
        ISSUER: 'not a url',
        PORT: '0',
        DATABASE_URL: 'mysql://x',
        REDIS_URL: 'x',
        SMTP_URL: 'http://mail',
        MAIL_FROM: 'nobody',
        DATABASE_POOL: '1',
        INITIAL_ACCESS_TOKEN: 'short',
        LOG_LEVEL: 'loud',
        BRAND_NAME: 'x'.repeat(41),
        ARGON2_ITERATIONS: '2.5',
        DRAIN_SECONDS: '-1',
      }
      const wrong = Object.keys(raw)
      const found = faultsOf(raw, [{ name: 'EARLIER', problem: 'was found before' }])
      expect(names(found)).to.have.members(['EARLIER', ...wrong])
      const message = new ConfigError(found).message
      for (const name of wrong) expect(message).to.match(new RegExp(`^ {2}${name}: .{10,}`, 'm'))
      expect(message.split('\n')).to.have.length(found.length + 1)
    })

    it('of lists and JSON name the entry', () => {
      const found = faultsOf({
        TRUSTED_PROXIES: '10.0.0.1, nonsense, 10.0.0.0/33, 0.0.0.0/0, ::/0, 10.0.0.0/x',
        OUTBOUND_ALLOW: 'https://app.internal:8443, https://app.internal/path, app',
        API_CORS_ORIGINS: 'https://console.example, https://console.example/page, *',
        RESOURCE_SERVERS: '[{"audience":"relative","scopes":["a b"],"tokenTtl":1,"more":1}]',
      })
      const text = new ConfigError(found).message
      for (const words of [
        '"nonsense"',
        '"10.0.0.0/33"',
        '"0.0.0.0/0" trusts everybody',
        '"::/0" trusts everybody',
        '"10.0.0.0/x"',
      ])
        expect(text).to.include(words)
      for (const words of ['"https://app.internal/path"', '"app"', '"https://console.example/page"', '"*"'])
        expect(text).to.include(words)
      expect(text).to.not.include('"10.0.0.1"').and.not.include('"https://app.internal:8443"')
      expect(names(found).filter((name) => name.startsWith('RESOURCE_SERVERS'))).to.have.length(4)
      expect(names(faultsOf({ RESOURCE_SERVERS: '[{' }))).to.deep.equal(['RESOURCE_SERVERS'])
      expect(names(faultsOf({ RESOURCE_SERVERS: '{}' }))[0]).to.match(/^RESOURCE_SERVERS/)
    })

    it('of lifetimes that contradict each other say which', () => {
      expect(faultsOf({ SESSION_IDLE_HOURS: '24', SESSION_MAX_HOURS: '24' })).to.deep.equal([])
      const found = faultsOf({
        SESSION_IDLE_HOURS: '25',
        REMEMBER_IDLE_DAYS: '31',
        REFRESH_IDLE_DAYS: '30',
        REFRESH_MAX_DAYS: '29',
      })
      expect(names(found)).to.deep.equal(['SESSION_IDLE_HOURS', 'REMEMBER_IDLE_DAYS', 'REFRESH_IDLE_DAYS'])
      expect(found[0]?.problem).to.include('must not be longer than SESSION_MAX_HOURS')
      const shorter = faultsOf({ SESSION_IDLE_HOURS: '48', SESSION_MAX_HOURS: '48', REMEMBER_IDLE_DAYS: '1' })
      expect(names(shorter)).to.deep.equal(['REMEMBER_IDLE_DAYS'])
    })

    it('hold no value of a secret', () => {
      const secret = 'hunter2-hunter2'
      const found = faultsOf({
        DATABASE_URL: `mysql://a:${secret}@b`,
        REDIS_URL: `http://a:${secret}@b`,
        SMTP_URL: `ftp://a:${secret}@b`,
        INITIAL_ACCESS_TOKEN: secret,
      })
      expect(names(found)).to.have.length(4)
      expect(JSON.stringify(found)).to.not.include(secret)
      expect(JSON.stringify(faultsOf({ OSTIARY_SECRET_KEY: secret }))).to.not.include(secret)
    })

    it('of who may come to be a client, each by its name', () => {
      const registration = (raw: RawSettings) =>
        faultsOf(raw).map(({ name, problem }) => `${name} ${problem}`)
      const refused: [RawSettings, RegExp][] = [
        [{ REGISTRATION: 'yes' as never }, /^REGISTRATION must be token, open or off/],
        [
          { REGISTRATION: 'off', INITIAL_ACCESS_TOKEN: 'x'.repeat(32) },
          /^INITIAL_ACCESS_TOKEN has no meaning/,
        ],
        [{ REGISTRATION_UNUSED_DAYS: '0' }, /^REGISTRATION_UNUSED_DAYS must be between/],
        [{ CLIENT_ID_METADATA: 'list' }, /^CLIENT_ID_METADATA_HOSTS must name the hosts/],
        [{ CLIENT_ID_METADATA: 'open', CLIENT_ID_METADATA_HOSTS: 'a.example' }, /has no meaning/],
        [{ CLIENT_ID_METADATA: 'off', CLIENT_ID_METADATA_HOSTS: 'a.example' }, /has no meaning/],
        [{ CLIENT_ID_METADATA_HOSTS: 'https://a.example' }, /"https:\/\/a\.example" is not a host/],
        [{ CLIENT_ID_METADATA_HOSTS: '*' }, /"\*" is not a host/],
        [{ SOFTWARE_STATEMENT_ISSUERS: '[{' }, /^SOFTWARE_STATEMENT_ISSUERS is not JSON/],
        [{ SOFTWARE_STATEMENT_ISSUERS: '[{"issuer":"a"}]' }, /must have jwks or jwks_uri/],
        [
          { SOFTWARE_STATEMENT_ISSUERS: '[{"issuer":"a","jwks_uri":"http://a.example/k"}]' },
          /must be an https/,
        ],
        [
          { SOFTWARE_STATEMENT_ISSUERS: '[{"issuer":"a","jwks":{"keys":[{"kty":"EC","d":"x"}]}}]' },
          /must hold public keys only/,
        ],
        [{ SOFTWARE_STATEMENT_ISSUERS: '[{"issuer":"a","jwks":{"keys":[{"kty":"oct","k":"x"}]}}]' }, /keys/],
      ]
      for (const [raw, words] of refused)
        expect(registration(raw).join(' | '), JSON.stringify(raw)).to.match(words)
      const { config } = loadConfig({ DATA_DIR: join(folder, 'data') })
      expect(config.registration).to.deep.equal({
        ...{ mode: 'token', unusedDays: 30, statementIssuers: [] },
        documents: { mode: 'list', hosts: [] },
      })
    })

    it('an unknown key that got this far is one too', () => {
      expect(() => loadConfig({ NONSENSE: 'x' } as RawSettings)).to.throw(ConfigError)
    })
  })

  describe('production', () => {
    const refuses = (changes: RawSettings, name: string, words: RegExp) => {
      const found = faultsOf({ ...PRODUCTION, ...changes })
      expect(names(found)).to.include(name)
      expect(
        found
          .filter((fault) => fault.name === name)
          .map(({ problem }) => problem)
          .join(' '),
      ).to.match(words)
      return found
    }

    it('takes what is strong', () => {
      const { config, secrets } = loadConfig(PRODUCTION)
      expect(config).to.deep.include({
        mode: 'production',
        issuer: 'https://login.example.org',
        samples: undefined,
        redis: false,
        password: { minLength: 15 },
        trustedProxies: [],
      })
      expect(config.database).to.include({ kind: 'postgres' })
      expect(config.mail.kind).to.equal('smtp')
      expect(config.hashing.memoryKiB).to.be.at.least(19_456)
      expect(secrets.rootKey.toString('base64')).to.equal(KEY)
      expect(secrets.databaseUrl).to.equal(PRODUCTION.DATABASE_URL)
      expect(loadConfig({ ...PRODUCTION, ISSUER: 'https://login.example.org/' }).config.issuer).to.equal(
        'https://login.example.org',
      )
      expect(loadConfig({ ...PRODUCTION, ISSUER: 'https://LOGIN.example.org:8443' }).config.issuer).to.equal(
        'https://login.example.org:8443',
      )
    })

    it('refuses an issuer that is no https origin', () => {
      refuses({ ISSUER: 'http://login.example.org' }, 'ISSUER', /https/)
      refuses({ ISSUER: 'http://localhost:3000' }, 'ISSUER', /https/)
      for (const rest of ['/path', '/?a=b', '/#x', '?a'])
        refuses({ ISSUER: `https://login.example.org${rest}` }, 'ISSUER', /origin/)
      refuses({ ISSUER: 'ftp://login.example.org' }, 'ISSUER', /URL/)
      refuses({ ISSUER: 'https://user:password@login.example.org' }, 'ISSUER', /origin/)
    })

    it('refuses to do without database, mail, sender and key', () => {
      const found = faultsOf({ ISSUER: 'https://login.example.org' })
      expect(names(found)).to.have.members(['DATABASE_URL', 'SMTP_URL', 'MAIL_FROM', 'OSTIARY_SECRET_KEY'])
      for (const { problem } of found) expect(problem).to.match(/required/)
      expect(existsSync(join(folder, 'data')), 'and makes no key of its own').to.equal(false)
    })

    it('refuses weak keys', () => {
      for (const [weak, words] of [
        ['', /required|at least 32/],
        ['short', /at least 32/],
        [randomBytes(31).toString('base64'), /at least 32/],
        [randomBytes(16).toString('hex'), /at least 32/],
        ['correct horse battery staple and many more words', /at least 32/],
        ['A'.repeat(44), /not random/],
        ['00'.repeat(32), /not random/],
        ['ab'.repeat(40), /not random/],
        [Buffer.from('abcabcabcabcabcabcabcabcabcabcabcabc').toString('base64'), /not random/],
      ] as const)
        refuses({ OSTIARY_SECRET_KEY: weak }, 'OSTIARY_SECRET_KEY', words)
      const strong = randomBytes(32)
      for (const encoding of ['base64', 'base64url', 'hex'] as const) {
        const { secrets } = loadConfig({
          ...PRODUCTION,
          OSTIARY_SECRET_KEY: ` ${strong.toString(encoding)}\n`,
        })
        expect(secrets.rootKey.equals(strong), encoding).to.equal(true)
      }
    })

    it('refuses hashing below the floor and passwords that are too short', () => {
      refuses({ ARGON2_MEMORY_KIB: '19455' }, 'ARGON2_MEMORY_KIB', /19456/)
      refuses({ ARGON2_ITERATIONS: '1' }, 'ARGON2_ITERATIONS', /at least 2/)
      refuses({ PASSWORD_MIN_LENGTH: '7' }, 'PASSWORD_MIN_LENGTH', /at least 8/)
      const fine = { ARGON2_MEMORY_KIB: '19456', ARGON2_ITERATIONS: '2', PASSWORD_MIN_LENGTH: '8' }
      expect(faultsOf({ ...PRODUCTION, ...fine })).to.deep.equal([])
      const evaluation = faultsOf({ ARGON2_MEMORY_KIB: '19455', ARGON2_ITERATIONS: '1' })
      expect(names(evaluation), 'also to try it out').to.deep.equal([
        'ARGON2_MEMORY_KIB',
        'ARGON2_ITERATIONS',
      ])
    })

    it('signs with ES256 and RS256 for 90 days, and takes what else is known, in one order', () => {
      const signing = (raw: RawSettings) => loadConfig({ ...PRODUCTION, ...raw }).config.signing
      expect(signing({})).to.deep.equal({ algorithms: ['ES256', 'RS256'], signFor: 90 * 86_400 })
      expect(
        signing({ SIGNING_ALGORITHMS: 'EdDSA,PS256,RS256, ES256', SIGNING_KEY_DAYS: '0' }),
      ).to.deep.equal({
        algorithms: ['ES256', 'RS256', 'PS256', 'EdDSA'],
        signFor: 0,
      })
      refuses(
        { SIGNING_ALGORITHMS: 'ES256,RS256,HS256' },
        'SIGNING_ALGORITHMS',
        /"HS256" is not one of ES256/,
      )
      refuses({ SIGNING_ALGORITHMS: 'ES256' }, 'SIGNING_ALGORITHMS', /must hold RS256: apps that ask/)
      refuses({ SIGNING_ALGORITHMS: 'RS256' }, 'SIGNING_ALGORITHMS', /must hold ES256: access tokens/)
      refuses({ SIGNING_KEY_DAYS: '-1' }, 'SIGNING_KEY_DAYS', /whole number/)
    })

    it('keeps audit records by class, and streams them only where there is Redis', () => {
      const audit = (raw: RawSettings) => loadConfig({ OSTIARY_SECRET_KEY: KEY, ...raw }).config.audit
      expect(audit({}).days).to.deep.equal({ activity: 90, administration: 400, security: 730 })
      expect(audit({ AUDIT_ACTIVITY_DAYS: '0' }).days.activity).to.equal(0)
      const stream = { AUDIT_STREAM: 'events', REDIS_URL: 'redis://localhost' }
      expect(audit(stream).stream).to.deep.equal({ name: 'events', length: 100_000 })
      expect(audit({ ...stream, AUDIT_STREAM_LENGTH: '500' }).stream?.length).to.equal(500)
      refuses({ AUDIT_STREAM: 'events' }, 'AUDIT_STREAM', /needs REDIS_URL/)
      refuses({ ...stream, AUDIT_STREAM: 'two words' }, 'AUDIT_STREAM', /name of a Redis key/)
      refuses({ AUDIT_SECURITY_DAYS: 'long' }, 'AUDIT_SECURITY_DAYS', /whole number/)
    })

    it('traces where a collector is named, and takes no credentials in its address', () => {
      expect(loadConfig(PRODUCTION).config.tracing).to.equal(undefined)
      const OTEL_EXPORTER_OTLP_ENDPOINT = 'http://collector:4318'
      const { tracing } = loadConfig({
        ...PRODUCTION,
        ...{ OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_SERVICE_NAME: 'door', OTEL_TRACES_SAMPLER_ARG: '0.25' },
      }).config
      expect(tracing).to.deep.equal({
        endpoint: OTEL_EXPORTER_OTLP_ENDPOINT,
        serviceName: 'door',
        share: 0.25,
      })
      for (const address of ['https://user:hunter2@collector', 'https://collector/?key=hunter2'])
        refuses({ OTEL_EXPORTER_OTLP_ENDPOINT: address }, 'OTEL_EXPORTER_OTLP_ENDPOINT', /no user, password/)
      for (const share of ['1.5', '-1', 'all'])
        refuses({ OTEL_TRACES_SAMPLER_ARG: share }, 'OTEL_TRACES_SAMPLER_ARG', /from 0 to 1/)
    })

    it('hashes in processes beside Postgres, and in this one, on two threads at most, beside the embedded database', () => {
      const hashing = (raw: RawSettings) => loadConfig({ OSTIARY_SECRET_KEY: KEY, ...raw }).config.hashing
      const DATABASE_URL = String(PRODUCTION.DATABASE_URL)
      expect(hashing({ DATABASE_URL, HASHING_SLOTS: '7' })).to.include({ processes: true, slots: 7 })
      expect(hashing({ HASHING_SLOTS: '7' })).to.include({ processes: false, slots: 2 })
      expect(hashing({ HASHING_SLOTS: '1' })).to.include({ processes: false, slots: 1 })
      expect(hashing({ DATABASE_URL }).slots).to.equal(Math.min(4, availableParallelism()))
    })

    it('refuses to trust everybody, and what belongs to the evaluation', () => {
      for (const everybody of ['0.0.0.0/0', '::/0', '10.0.0.1,0.0.0.0/0'])
        refuses({ TRUSTED_PROXIES: everybody }, 'TRUSTED_PROXIES', /trusts everybody/)
      refuses({ SAMPLES_PORT: '3001' }, 'SAMPLES_PORT', /evaluation/)
    })

    it('takes client certificates only with everything that makes them worth anything', () => {
      const whole = {
        MTLS_ORIGIN: 'https://mtls.example.org',
        MTLS_CERT_HEADER: 'SSL-Client-Cert',
        MTLS_VERIFY_HEADER: 'SSL-Client-Verify',
        TRUSTED_PROXIES: '10.0.0.1',
      }
      expect(loadConfig({ ...PRODUCTION, ...whole }).config.mtls).to.deep.equal({
        ...{ origin: 'https://mtls.example.org', certHeader: 'ssl-client-cert' },
        verifyHeader: 'ssl-client-verify',
      })
      expect(loadConfig(PRODUCTION).config.mtls).to.equal(undefined)
      for (const [change, name] of [
        [{ TRUSTED_PROXIES: '' }, 'MTLS_CERT_HEADER'],
        [{ MTLS_ORIGIN: 'https://mtls.example.org/x' }, 'MTLS_ORIGIN'],
        [{ MTLS_ORIGIN: 'http://mtls.example.org' }, 'MTLS_ORIGIN'],
        [{ MTLS_CERT_HEADER: 'X-Forwarded-For' }, 'MTLS_CERT_HEADER'],
        [{ MTLS_CERT_HEADER: 'a b' }, 'MTLS_CERT_HEADER'],
        [{ MTLS_VERIFY_HEADER: 'ssl-client-cert' }, 'MTLS_VERIFY_HEADER'],
        [{ MTLS_VERIFY_HEADER: 'Authorization' }, 'MTLS_VERIFY_HEADER'],
      ] as const)
        expect(names(faultsOf({ ...PRODUCTION, ...whole, ...change })), JSON.stringify(change)).to.deep.equal(
          [name],
        )
      for (const missing of ['MTLS_ORIGIN', 'MTLS_CERT_HEADER'] as const) {
        const { [missing]: _, ...rest } = whole
        expect(names(faultsOf({ ...PRODUCTION, ...rest })), missing).to.deep.equal([missing])
      }
    })

    it('gives each of several workers its share of the hashing, and at least one slot', () => {
      const slotsOf = (WORKERS: string, HASHING_SLOTS: string) => {
        const { workers, hashing } = loadConfig({ ...PRODUCTION, WORKERS, HASHING_SLOTS }).config
        return [workers, hashing.slots]
      }
      expect(slotsOf('1', '5')).to.deep.equal([1, 5])
      expect(slotsOf('2', '5')).to.deep.equal([2, 2])
      expect(slotsOf('4', '2')).to.deep.equal([4, 1])
      expect(slotsOf('auto', '1')).to.deep.equal([availableParallelism(), 1])
      expect(loadConfig(PRODUCTION).config).to.include({ workers: 1, drainDelaySeconds: 5 })
    })

    it('refuses several workers where one process is all there may be', () => {
      for (const WORKERS of ['2', '64', 'auto']) {
        const { DATABASE_URL, ...embedded } = PRODUCTION
        expect(names(faultsOf({ ...embedded, WORKERS }))).to.have.members(['DATABASE_URL', 'WORKERS'])
        expect(faultsOf({ WORKERS })[0]?.problem).to.match(/^needs DATABASE_URL: the embedded database/)
        const evaluation = { WORKERS, DATABASE_URL: String(DATABASE_URL) }
        expect(faultsOf(evaluation)[0]?.problem).to.match(/^is for production/)
      }
      for (const WORKERS of ['0', '65', '-1', '2.5', 'all', '1e1'])
        refuses({ WORKERS }, 'WORKERS', /from 1 to 64, or auto/)
      expect(faultsOf({ WORKERS: '1' }), 'one is always fine').to.deep.equal([])
    })

    it('names every weakness at once', () => {
      const found = faultsOf({
        ISSUER: 'http://login.example.org/x',
        PASSWORD_MIN_LENGTH: '1',
        ARGON2_MEMORY_KIB: '8',
        ARGON2_ITERATIONS: '1',
        TRUSTED_PROXIES: '0.0.0.0/0',
        OSTIARY_SECRET_KEY: 'x',
      })
      expect(new Set(names(found))).to.deep.equal(
        new Set([
          'ISSUER',
          'DATABASE_URL',
          'SMTP_URL',
          'MAIL_FROM',
          'PASSWORD_MIN_LENGTH',
          'ARGON2_MEMORY_KIB',
          'ARGON2_ITERATIONS',
          'TRUSTED_PROXIES',
          'OSTIARY_SECRET_KEY',
        ]),
      )
    })
  })

  describe('evaluation', () => {
    it('needs nothing and stays on this machine', () => {
      const { config } = loadConfig({ DATA_DIR: join(folder, 'data') })
      expect(config).to.deep.include({ mode: 'evaluation', issuer: 'http://localhost:3000' })
      expect(config.listen).to.deep.equal({ hosts: ['127.0.0.1', '::1'], port: 3000 })
      expect(config.samples).to.deep.equal({ port: 3001, origin: 'http://localhost:3001' })
      expect(config.mail.kind).to.equal('mailbox')
      expect(config.database).to.include({ kind: 'pglite' })
      expect(JSON.stringify(config.database)).to.include(join(folder, 'data'))
      expect(config.password.minLength).to.equal(15)
    })

    it('takes passwords from apps here, and in production only when it is told to', () => {
      const here = loadConfig({ DATA_DIR: join(folder, 'data') }).config
      expect(here.api).to.deep.include({ auth: true, tellsTaken: false })
      expect(here.lifetimes.api).to.deep.equal({ access: 1800, refresh: 30 * 86_400 })
      expect(loadConfig(PRODUCTION).config.api.auth).to.equal(false)
      const told = { AUTH_API: 'on', AUTH_API_TAKEN: 'tell', AUTH_API_ACCESS_MINUTES: '5' }
      const { api, lifetimes } = loadConfig({ ...PRODUCTION, ...told, AUTH_API_SIGN_IN_DAYS: '7' }).config
      expect(api).to.deep.include({ auth: true, tellsTaken: true })
      expect(lifetimes.api).to.deep.equal({ access: 300, refresh: 7 * 86_400 })
      expect(
        names(faultsOf({ AUTH_API: 'yes', AUTH_API_TAKEN: 'on', AUTH_API_SIGN_IN_DAYS: '0' })),
      ).to.have.members(['AUTH_API', 'AUTH_API_TAKEN', 'AUTH_API_SIGN_IN_DAYS'])
    })

    it('makes a key once, for its owner’s eyes only, and keeps it', () => {
      const data = join(folder, 'data')
      const first = loadConfig({ DATA_DIR: data }).secrets.rootKey
      expect(first).to.have.length(32)
      const path = join(data, 'secret.key')
      expect(statSync(path).mode & 0o777).to.equal(0o600)
      expect(statSync(data).mode & 0o777).to.equal(0o700)
      const content = readFileSync(path, 'utf8')
      expect(loadConfig({ DATA_DIR: data, PORT: '4000' }).secrets.rootKey.equals(first)).to.equal(true)
      expect(readFileSync(path, 'utf8')).to.equal(content)
      expect(loadConfig({ DATA_DIR: join(folder, 'other') }).secrets.rootKey.equals(first)).to.equal(false)
    })

    it('makes no key while anything else is wrong, and none when one is given', () => {
      expect(names(faultsOf({ TRUSTED_PROXIES: 'x' }))).to.deep.equal(['TRUSTED_PROXIES'])
      loadConfig({ DATA_DIR: join(folder, 'data'), OSTIARY_SECRET_KEY: KEY })
      expect(existsSync(join(folder, 'data'))).to.equal(false)
    })

    it('says what is wrong with the key or its directory', () => {
      const data = join(folder, 'data')
      mkdirSync(data)
      for (const damaged of ['', 'nonsense', 'A'.repeat(44)]) {
        writeFileSync(join(data, 'secret.key'), damaged)
        expect(names(faultsOf({ DATA_DIR: data })), damaged).to.deep.equal(['OSTIARY_SECRET_KEY'])
      }
      const notADirectory = join(file('file', ''), 'data')
      const [fault] = faultsOf({ DATA_DIR: notADirectory })
      expect(fault?.name).to.equal('DATA_DIR')
      expect(fault?.problem).to.include(notADirectory)
      if (process.getuid?.() === 0) return
      const locked = join(folder, 'locked')
      mkdirSync(locked)
      chmodSync(locked, 0o500)
      expect(names(faultsOf({ DATA_DIR: join(locked, 'data') }))).to.deep.equal(['DATA_DIR'])
    })
  })

  it('the configuration is frozen through and through, and holds no secret', () => {
    const { config } = loadConfig({
      ...PRODUCTION,
      REDIS_URL: 'redis://:hunter2@redis',
      INITIAL_ACCESS_TOKEN: 'initial-access-token-0123456789abcdef',
      RESOURCE_SERVERS: '[{"audience":"urn:api","scopes":["read"]}]',
    })
    const check = (value: unknown, path: string) => {
      if (typeof value !== 'object' || value === null) return
      expect(Object.isFrozen(value), path).to.equal(true)
      for (const [name, member] of Object.entries(value)) check(member, `${path}.${name}`)
    }
    check(config, 'config')
    expect(config.resourceServers).to.deep.equal([
      {
        ...{ audience: 'urn:api', scopes: [{ name: 'read' }], tokenTtl: 300, tokenFormat: 'jwt' },
        ...{ signingAlgorithm: 'ES256', clients: 'all', publishMetadata: false, exchangeable: false },
        includesRoles: false,
      },
    ])
    expect(() => {
      ;(config.hashing as { slots: number }).slots = 99
    }).to.throw(TypeError)
    const everything = inspect(config, { depth: 10, showHidden: true })
    for (const secret of ['hunter2', KEY, 'initial-access-token']) expect(everything).to.not.include(secret)
  })

  it('secrets print as [secret], however one prints them', () => {
    const { secrets } = loadConfig({
      ...PRODUCTION,
      INITIAL_ACCESS_TOKEN: 'initial-access-token-0123456789abcdef',
    })
    const logged: string[] = []
    const log = createLogger('info', { write: (line: string) => void logged.push(line) })
    log.info({ secrets, nested: { secrets } }, `as text: ${secrets}`)
    const printed = [
      JSON.stringify(secrets),
      JSON.stringify({ secrets, list: [secrets] }),
      `${secrets}`,
      String(secrets),
      inspect(secrets, { depth: 10, showHidden: true }),
      inspect({ secrets }, { depth: 10 }),
      JSON.stringify(structuredClone({ ...secrets })),
      JSON.stringify(Object.entries(secrets)),
      JSON.stringify(Object.getOwnPropertyNames(secrets)),
      ...logged,
    ]
    const raw = Buffer.from(KEY, 'base64')
    for (const text of printed)
      for (const secret of [
        'hunter2',
        KEY,
        raw.toString('hex'),
        raw.toJSON().data.join(','),
        'initial-access-token',
      ])
        expect(text).to.not.include(secret)
    expect(printed[0]).to.equal('"[secret]"')
    expect(printed[2]).to.equal('[secret]')
    expect(printed[4]).to.equal('[secret]')
  })

  it('every setting has a name that is documented by being one', () => {
    expect(new Set(SETTING_NAMES).size).to.equal(SETTING_NAMES.length)
    for (const name of SETTING_NAMES) expect(name).to.match(/^[A-Z][A-Z0-9_]+$/)
    for (const name of SECRET_NAMES) expect(SETTING_NAMES).to.include(name)
  })
})
