/**
 * Everything the stores hold is stolen, but not the secret key (`security.md`, figure 18). A deployment in the middle of
 * its day; then every string of the dump is tried wherever a secret is accepted. Each probe is generous: it has all that
 * belongs to the request except the secret itself (the client's credentials, the PKCE verifier, the cookie's signature),
 * and shows afterwards that it would have noticed, by the true secret.
 */
import { createECDH, createHmac, ECDH } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import * as client from 'openid-client'
import { DataKey } from '../../src/crypto/data-key.ts'
import { KeyEncryptionKey } from '../../src/crypto/key-encryption-key.ts'
import type { OutgoingMail } from '../../src/mail/transport.ts'
import { PAIRWISE_SALT, pairwiseIdentifier } from '../../src/oidc/pairwise.ts'
import { makeToken } from '../support/initial-access-tokens.ts'
import { Loot } from '../support/loot.ts'
import { get, newAgent, onEveryStack, post, responseOf, sendJson, signIn } from '../support/protocol.ts'
import {
  begin,
  CALLBACK,
  discover,
  PASSWORD,
  publicClient,
  RP_SECRET,
  webClient,
} from '../support/relying-party.ts'
import { UserAgent } from '../support/user-agent.ts'

const IAT = 'an-initial-access-token-of-the-test-0123456789'
const DEVICE_CODE = 'urn:ietf:params:oauth:grant-type:device_code'
const REQUEST_URI = 'urn:ietf:params:oauth:request_uri:'
const DRAFT_PASSWORD = 'what the newcomer chose, unproven'
const HOLDERS = ['jane@example.org', 'known@example.org', 'forgot@example.org']
const grants = ['authorization_code', 'refresh_token', 'client_credentials']
const clients = [
  webClient({ grant_types: grants }),
  publicClient(),
  publicClient({ client_id: 'tv', grant_types: [DEVICE_CODE], response_types: [], redirect_uris: [] }),
]
const many = 1_000_000
const limits = {
  ...{ signInStranger: many, signInMonth: many, signInDevice: many, signInNetwork: many },
  ...{ formNetwork: many, userCodeNetwork: many, mailAddress: many, mailNetwork: many },
}
const mails: OutgoingMail[] = []
// Mail leaves by a mail server in production: what was sent is not in the database.
const mail = {
  send: async (message: OutgoingMail) => void mails.push(message),
  health: async () => true,
  close: async () => {},
}
const options = {
  settings: { INITIAL_ACCESS_TOKEN: IAT },
  overrides: { clients, limits, mail },
  people: HOLDERS.map((email) => ({ email })),
}

interface Probe {
  /** what is accepted there */
  accepts: string
  /** Whether the string opened anything. */
  tries(secret: string): Promise<boolean> | boolean
  /** what would have */
  truth: string
  /** strings that cannot be it in any form, so that the run stays short */
  plausible?: (text: string) => boolean
}

onEveryStack('a stolen database', options, (app) => {
  const loot = new Loot()
  /** What is in Redis on the other stack. All else is the same there, and tried there. */
  const soft = new Loot()
  const probes: Probe[] = []
  const at = (path: string) => `${app.issuer}${path}`

  before(async function () {
    this.timeout(60_000)
    mails.length = 0
    await live()
    const tables = await loot.takeSql(app.sql)
    expect(tables).to.include.members([
      'data_keys',
      'signing_keys',
      'deployment_secrets',
      'oidc_sessions',
      'passwords',
      'email_proofs',
    ])
    await soft.takeSql(app.sql, ['ephemeral'])
    const redis = app.secrets.redisUrl
    if (redis) expect(await loot.takeRedis(redis)).to.be.at.least(3)
  })

  it('holds what it should, so that finding nothing means something', async () => {
    for (const table of await usedTables()) expect(loot.has(table.sample), table.name).to.equal(true)
    expect(loot.strings.length).to.be.at.least(400)
    if (app.stack === 'pglite') expect(soft.strings.length).to.be.at.least(8)
    loot.take({ planted: JSON.stringify({ deep: [Buffer.from('the-planted-secret').toString('base64')] }) })
    expect(loot.has('the-planted-secret')).to.equal(true)
  })

  it('opens nothing: each string at each place, where the true secret opens', async function () {
    this.timeout(600_000)
    expect(probes.length).to.be.at.least(28)
    const strings = (app.stack === 'pglite' ? soft : loot).strings.filter(isSendable)
    const hits: string[] = []
    let tried = 0
    for (const { accepts, tries, truth, plausible = () => true } of probes) {
      await inParallel(strings.filter(plausible), async (text) => {
        tried += 1
        if (await tries(text)) hits.push(`${accepts}: ${text.slice(0, 60)}`)
      })
      expect(truth, accepts).to.be.a('string').with.length.of.at.least(6)
      expect(loot.has(truth), `${accepts} stands in the dump`).to.equal(false)
      expect(await tries(truth), `${accepts} would not have been noticed`).to.equal(true)
    }
    expect(hits).to.deep.equal([])
    expect(tried).to.be.at.least(strings.length * 20)
  })

  /** A day in the life: one of everything, begun and not finished. */
  async function live(): Promise<void> {
    const rp = await discover(app.issuer)
    const spa = await client.discovery(new URL(app.issuer), 'spa', undefined, client.None(), {
      execute: [client.allowInsecureRequests],
    })
    const offline = { scope: 'openid email offline_access', prompt: 'consent' }
    const jane = await signIn(rp, offline)
    const atSpa = await signIn(spa, offline)
    const signature = cookieSigner()
    const loginWith = async (cookie: string, prompt: string) =>
      get((await begin(rp, { prompt })).url.href, { headers: { cookie, accept: 'text/html' } })

    const byWeb = { basic: ['web', RP_SECRET] } as const
    // The short-lived first: the true one is tried after all others.
    const unused = await begin(spa, { prompt: 'none' })
    const { code } = responseOf((await atSpa.agent.get(unused.url.href)).url)
    probe('a code, client and verifier given', String(code), async (it) => {
      const form = {
        ...{ grant_type: 'authorization_code', client_id: 'spa', redirect_uri: CALLBACK },
        ...{ code: it, code_verifier: unused.checks.pkceCodeVerifier },
      }
      return (await post(at('/token'), form)).status === 200
    })
    const parameters = Object.fromEntries((await begin(rp)).url.searchParams)
    const { json: pushed } = await post(at('/par'), parameters, byWeb)
    probe('a request_uri', pushed.request_uri.slice(REQUEST_URI.length), async (it) => {
      const { status, headers } = await get(
        at(`/auth?client_id=web&request_uri=${encodeURIComponent(REQUEST_URI + it)}`),
        {
          headers: { accept: 'text/html' },
        },
      )
      return status === 303 && /\/interaction\//.test(String(headers.get('location')))
    })

    probe(
      'a session cookie, its signature given',
      String(jane.agent.cookie('ostiary_session')),
      async (it) => {
        const cookie = `ostiary_session=${it}; ostiary_session.sig=${await signature(`ostiary_session=${it}`)}`
        const { headers } = await loginWith(cookie, 'none')
        return responseOf(String(headers.get('location'))).code !== undefined
      },
    )
    const devices = String(jane.agent.cookie('ostiary_devices'))
    probe('the cookie of a known browser', devices, async (it) => {
      const user = new UserAgent((url, init) => {
        const { cookie = '', ...headers } = init.headers as Record<string, string>
        return fetch(url, { ...init, headers: { ...headers, cookie: `${cookie}; ostiary_devices=${it}` } })
      })
      const page = await user.get((await begin(rp, { prompt: 'select_account' })).url.href)
      return page.text.includes('jane@example.org')
    })

    const refresh = (credentials: object) => async (it: string) =>
      (await post(at('/token'), { grant_type: 'refresh_token', refresh_token: it, ...credentials }))
        .status === 200
    const second = await signIn(spa, offline)
    probe('a refresh token', String(second.tokens.refresh_token), refresh({ client_id: 'spa' }))
    const third = await signIn(rp, offline)
    probe(
      'a refresh token of a confidential client, its secret given',
      String(third.tokens.refresh_token),
      async (it) => {
        const form = { grant_type: 'refresh_token', refresh_token: it }
        return (await post(at('/token'), form, byWeb)).status === 200
      },
    )

    const { json: device } = await post(at('/device/auth'), { client_id: 'tv', scope: 'openid' })
    probe('a device code', device.device_code, async (it) => {
      const { json } = await post(at('/token'), { grant_type: DEVICE_CODE, client_id: 'tv', device_code: it })
      return json.error !== 'invalid_grant'
    })
    probe(
      'a user code',
      device.user_code,
      async (it) => {
        const user = newAgent()
        const page = await user.submit(await user.get(at('/device')), { user_code: it })
        return page.text.includes('view-device-confirm')
      },
      (text) => text.replace(/\W/g, '').length === 8,
    )

    const { json: machine } = await sendJson(
      'POST',
      at('/reg'),
      { redirect_uris: [CALLBACK], grant_types: grants },
      { bearer: IAT },
    )
    for (const [id, secret] of [
      ['web', RP_SECRET],
      [machine.client_id, machine.client_secret],
    ]) {
      probe(
        `the secret of client ${id === 'web' ? 'from the file' : 'that registered'}`,
        secret,
        async (it) => {
          const { json } = await post(
            at('/token'),
            { grant_type: 'refresh_token', refresh_token: 'x'.repeat(43) },
            { basic: [id, it] },
          )
          return json.error !== 'invalid_client'
        },
      )
    }
    probe('a registration access token', machine.registration_access_token, async (it) => {
      return (await get(machine.registration_client_uri, { bearer: it })).status === 200
    })
    const registers = async (it: string) =>
      (await sendJson('POST', at('/reg'), { redirect_uris: [CALLBACK] }, { bearer: it })).status === 201
    probe('an initial access token', IAT, registers)
    const { value: made } = await makeToken(app)
    probe('an initial access token that was made', made, registers, (text) => text.length >= made.length)

    const opaque = await client.clientCredentialsGrant(rp)
    probe('an access token at userinfo', jane.tokens.access_token, async (it) => {
      return (await get(at('/userinfo'), { bearer: it })).status === 200
    })
    for (const [what, token] of [
      ['access', third.tokens.access_token],
      ['client credentials', opaque.access_token],
      ['refresh', String(jane.tokens.refresh_token)],
    ] as const) {
      const active = async (it: string) =>
        (await post(at('/introspect'), { token: it }, byWeb)).json.active === true
      probe(`a ${what} token at introspection`, token, active)
    }
    const fourth = await signIn(rp, offline)
    const victim = fourth.tokens.access_token
    const victimLives = async () =>
      (await post(at('/introspect'), { token: victim }, byWeb)).json.active === true
    probe('a token to revoke', victim, async (it) => {
      await post(at('/revoke'), { token: it }, byWeb)
      return !(await victimLives())
    })

    const pending = newAgent()
    const page = await pending.get((await begin(rp)).url.href)
    const uid = page.url.split('/').at(-1) as string
    const interactionCookie = 'ostiary_interaction'
    // The address names a sign-in and is no secret; its cookie is what makes it one's own.
    probe(
      'a sign-in in progress, its address given',
      String(pending.cookie(`${interactionCookie}.sig`)),
      async (it) => {
        const cookie = `${interactionCookie}=${pending.cookie(interactionCookie)}; ${interactionCookie}.sig=${it}`
        const { status, text } = await get(at(`/interaction/${uid}`), {
          headers: { cookie, accept: 'text/html' },
        })
        return status === 200 && text.includes('view-sign-in')
      },
    )

    const browser = newAgent()
    const form = await browser.get(`${(await browser.get((await begin(rp)).url.href)).url}/register`)
    await browser.submit(form, { email: 'newcomer@example.org', password: DRAFT_PASSWORD }, '/register')
    await browser.submit(await browser.get(at('/forgot-password')), { email: 'forgot@example.org' })
    const [verify, reset] = [
      await linkTo('newcomer@example.org', 'verify-email'),
      await linkTo('forgot@example.org', 'reset-password'),
    ]
    const setup = String(await app.app.setupUrl())
      .split('/')
      .at(-1) as string
    const opens = (path: string, view: string) => async (it: string) => {
      const { status, text } = await get(at(`/${path}/${encodeURIComponent(it)}`), {
        headers: { accept: 'text/html' },
      })
      return status === 200 && text.includes(`view-${view}"`)
    }
    probe('a link to prove an address', verify, opens('verify-email', 'verify-email-link'))
    probe('a link to reset a password', reset, opens('reset-password', 'reset-password'))
    probe('the setup link', setup, opens('setup', 'setup'))
    for (const [path, view, token] of [
      ['verify-email', 'verify-email-link', verify],
      ['reset-password', 'reset-password', reset],
    ] as const) {
      const [proofId, mac] = [token.slice(0, token.lastIndexOf('.')), token.slice(token.lastIndexOf('.') + 1)]
      probe(
        `the half of a link that is no id (${path})`,
        mac,
        (it) => opens(path, view)(`${proofId}.${it}`),
        isKeySized,
      )
    }
    expect(loot.has(codeIn('newcomer@example.org'))).to.equal(false)

    // Nobody stores passwords; what stands for them must not work as one.
    probe(
      'a password',
      PASSWORD,
      async (it) => {
        const user = newAgent()
        const asked = await user.get((await begin(rp, { scope: 'openid' })).url.href)
        const done = await user.submit(asked, { identifier: 'jane@example.org', password: it }, '/sign-in')
        return done.url.startsWith(CALLBACK) || done.text.includes('view-consent')
      },
      (text) =>
        /argon2|keyid|^[A-Za-z0-9+/]{22}$|^[A-Za-z0-9+/]{43}$/.test(text) &&
        !/^[\w-]{43}$/.test(text.replace(/[+/]/g, '')),
    )
    await offlineProbes(
      String(jane.agent.cookie('ostiary_session')),
      String(jane.agent.cookie('ostiary_session.sig')),
    )
  }

  /** What a thief can try at home, without asking the server. */
  async function offlineProbes(session: string, signature: string): Promise<void> {
    const keys = await app.app.storage.database.signingKeys.list()
    const cookieKey = String(keys.find(({ line }) => line === 'cookie')?.jwk.k)
    probe('a key that signs cookies', cookieKey, (it) => sign(it, `ostiary_session=${session}`) === signature)
    const es256 = keys.find(({ line }) => line === 'ES256')?.jwk as { x: string; d: string }
    probe('the private key of ES256', es256.d, (it) => publicHalf(it) === es256.x)
    const [stored] = await app.app.storage.dataKeys.list()
    if (!stored) throw new Error('there is no data key')
    const kek = new KeyEncryptionKey(app.secrets.rootKey)
    const master = kek.unwrap(stored.version, stored.wrapped)
    const opensWith = (text: string, opens: (bytes: Buffer) => unknown) =>
      forms(text).some((bytes) => {
        try {
          return bytes.length >= 32 && opens(bytes) === true
        } catch {
          return false
        }
      })
    const inDump = new Set(
      (await app.sql.query<{ id: Buffer }>('select id from oidc_sessions')).map(({ id }) => hex(id)),
    )
    probe('a data key', master.toString('base64'), (it) =>
      opensWith(it, (bytes) =>
        inDump.has(hex(new DataKey(stored.version, bytes).hashId('Session', session))),
      ),
    )
    const salt = await app.app.storage.database.deploymentSecrets.once(PAIRWISE_SALT, String)
    const sector = { sectorIdentifier: 'app.example' }
    const subject = await pairwiseIdentifier(salt)(undefined as never, 'usr_1', sector as never)
    probe('the salt of pairwise subjects', salt, (it) =>
      opensWith(
        it,
        (bytes) => createHmac('sha256', bytes).update('app.example\0usr_1').digest('base64url') === subject,
      ),
    )
    probe('the secret key', app.secrets.rootKey.toString('base64'), (it) =>
      opensWith(it, (bytes) =>
        new KeyEncryptionKey(bytes).unwrap(stored.version, stored.wrapped).equals(master),
      ),
    )
  }

  function probe(
    accepts: string,
    truth: string,
    tries: Probe['tries'],
    plausible?: Probe['plausible'],
  ): void {
    probes.push({ accepts, truth, tries, ...(plausible ? { plausible } : {}) })
  }

  /** With the deployment's own keys: a stolen session id would be worth this much if they leaked too. */
  function cookieSigner(): (data: string) => Promise<string> {
    const keys = app.app.storage.database.signingKeys.list()
    return async (data) => sign(String((await keys).find(({ line }) => line === 'cookie')?.jwk.k), data)
  }

  async function usedTables(): Promise<{ name: string; sample: string }[]> {
    const jane = await app.app.storage.database.users.findByEmail('jane@example.org')
    const id = String(jane?.id)
    const [proof] = await app.sql.query<{ id: string }>('select id from email_proofs')
    const [grant] = await app.sql.query<{ id: Buffer }>('select id from oidc_grants')
    return [
      { name: 'users', sample: id },
      { name: 'email_proofs', sample: String(proof?.id) },
      { name: 'oidc_grants', sample: hex(grant?.id as Buffer) },
      { name: 'passwords', sample: String(await app.app.storage.database.users.passwordHash(id)) },
    ]
  }
})

/** Sent mails: the one to this address, once it has left. */
async function mailTo(email: string): Promise<string> {
  for (let tries = 0; tries < 200; tries += 1) {
    const found = mails.find(({ to }) => to === email)
    if (found) return found.text
    await sleep(50)
  }
  throw new Error(`no mail to ${email}`)
}

async function linkTo(email: string, kind: string): Promise<string> {
  return new RegExp(`/${kind}/(\\S+)`).exec(await mailTo(email))?.[1] as string
}

function codeIn(email: string): string {
  const text = mails.find(({ to }) => to === email)?.text ?? ''
  return /\b(\d{3}) ?(\d{3})\b/.exec(text)?.slice(1).join('') as string
}

/** As the `keygrip` package signs cookies. */
function sign(key: string, data: string): string {
  return createHmac('sha1', key).update(data).digest('base64url')
}

function publicHalf(privateKey: string): string | undefined {
  const curve = createECDH('prime256v1')
  try {
    curve.setPrivateKey(Buffer.from(privateKey, 'base64url'))
  } catch {
    return undefined
  }
  const point = ECDH.convertKey(
    curve.getPublicKey(),
    'prime256v1',
    undefined,
    undefined,
    'uncompressed',
  ) as Buffer
  return point.subarray(1, 33).toString('base64url')
}

function forms(text: string): Buffer[] {
  return [
    Buffer.from(text),
    Buffer.from(text, 'base64'),
    ...(/^[0-9a-f]+$/i.test(text) ? [Buffer.from(text, 'hex')] : []),
  ]
}

function hex(bytes: Buffer): string {
  return Buffer.from(bytes).toString('hex')
}

function isKeySized(text: string): boolean {
  return /^[\w-]{43}$/.test(text)
}

/** What a header or a form can carry; all the rest was split into parts that can. */
function isSendable(text: string): boolean {
  return /^[\x21-\x7e]+( [\x21-\x7e]+)*$/.test(text) && text.length <= 1_000
}

async function inParallel<T>(items: T[], work: (item: T) => Promise<void>): Promise<void> {
  const queue = items.values()
  const one = async () => {
    for (const item of queue) await work(item)
  }
  await Promise.all(Array.from({ length: 16 }, one))
}
