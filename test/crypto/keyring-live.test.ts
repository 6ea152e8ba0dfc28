/**
 * A deployment whose data key is rotated under it: everything it gave out before goes on working, and what it gives out
 * afterwards is made with the new key. With another secret key nothing changes at all.
 */
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import * as client from 'openid-client'
import { DataKey } from '../../src/crypto/data-key.ts'
import { DataKeys } from '../../src/crypto/data-keys.ts'
import { KeyRotation } from '../../src/crypto/key-rotation.ts'
import { Keyring } from '../../src/crypto/keyring.ts'
import { SEALED_COLUMNS } from '../../src/storage/sql/sealed-columns.ts'
import { newAgent, onEveryStack, post, responseOf, send, sendJson, signIn } from '../support/protocol.ts'
import {
  begin,
  CALLBACK,
  discover,
  exchange,
  PASSWORD,
  RP_SECRET,
  webClient,
} from '../support/relying-party.ts'
import type { UserAgent } from '../support/user-agent.ts'

const TOKEN = 'an-initial-access-token-of-the-test-0123456789'
const DEVICE_CODE = 'urn:ietf:params:oauth:grant-type:device_code'
const grants = ['authorization_code', 'refresh_token', 'client_credentials']
const clients = [
  webClient({ grant_types: grants }),
  webClient({ client_id: 'tv', grant_types: [DEVICE_CODE], response_types: [], redirect_uris: [] }),
]
const people = [{ email: 'jane@example.org' }, { email: 'late@example.org' }, { email: 'forgot@example.org' }]
const options = { settings: { INITIAL_ACCESS_TOKEN: TOKEN }, overrides: { clients }, people }

onEveryStack('a rotation under a running deployment', options, (app) => {
  /** what is checked after the rotation, by what it is */
  const later: [what: string, works: () => Promise<unknown>][] = []

  it('happens to sessions, tokens, codes, links, secrets, passwords and forms', async function () {
    this.timeout(60_000)
    const rp = await discover(app.issuer)
    const at = (path: string) => `${app.issuer}${path}`
    const scope = { scope: 'openid email offline_access', prompt: 'consent' }

    const { agent, tokens, sub } = await signIn(rp, scope)
    later.push(['a session', async () => void (await silently(rp, agent))])
    later.push([
      'the access token',
      async () => void (await client.fetchUserInfo(rp, tokens.access_token, sub)),
    ])
    const introspected = async () =>
      expect((await client.tokenIntrospection(rp, tokens.access_token)).active).to.equal(true)
    later.push(['introspection', async () => void (await introspected())])
    const unused = await begin(rp, { prompt: 'none' })
    const callback = (await agent.get(unused.url.href)).url
    later.push(['a code', async () => void (await exchange(rp, callback, unused))])
    const refreshed = async () => {
      const fresh = await client.refreshTokenGrant(rp, String(tokens.refresh_token))
      await client.refreshTokenGrant(rp, String(fresh.refresh_token))
      await client.fetchUserInfo(rp, fresh.access_token, sub)
    }
    later.push(['a refresh token and what comes of it', refreshed])
    const other = await signIn(rp, scope)
    later.push([
      'a sign-out, which ends what was there before',
      async () => {
        const page = await other.agent.get(
          client.buildEndSessionUrl(rp, { id_token_hint: String(other.tokens.id_token) }).href,
        )
        if (page.forms.length > 0) await other.agent.submit(page, { logout: 'yes' })
        const again = await begin(rp, { prompt: 'none' })
        expect(responseOf((await other.agent.get(again.url.href)).url).error).to.equal('login_required')
      },
    ])

    const pushed = await post(at('/par'), Object.fromEntries((await begin(rp)).url.searchParams), {
      basic: ['web', RP_SECRET],
    })
    later.push([
      'a pushed request',
      async () => {
        const page = await newAgent().get(
          at(`/auth?client_id=web&request_uri=${encodeURIComponent(pushed.json.request_uri)}`),
        )
        expect(page.forms.some(({ action }) => action.endsWith('/sign-in'))).to.equal(true)
      },
    ])
    const { json: device } = await post(
      at('/device/auth'),
      { client_id: 'tv', scope: 'openid' },
      { basic: ['tv', RP_SECRET] },
    )
    later.push([
      'a device code and its user code',
      async () => {
        const form = { grant_type: DEVICE_CODE, device_code: device.device_code }
        expect((await post(at('/token'), form, { basic: ['tv', RP_SECRET] })).json.error).to.equal(
          'authorization_pending',
        )
        const user = newAgent()
        const asked = await user.submit(await user.get(device.verification_uri), {
          user_code: device.user_code,
        })
        expect(asked.status, asked.text.slice(0, 800)).to.equal(200)
        expect(asked.text).to.include('Test web app').and.to.include(device.user_code)
      },
    ])

    const { json: registered } = await sendJson(
      'POST',
      at('/reg'),
      { redirect_uris: [CALLBACK], grant_types: grants },
      { bearer: TOKEN },
    )
    const { client_id: id, client_secret: secret } = registered
    const machine = async () =>
      post(at('/token'), { grant_type: 'client_credentials' }, { basic: [id, secret] })
    later.push([
      'a registered secret, which moves to the new key, and its token of registration',
      async () => {
        const digest = async () => (await app.app.storage.database.clients.find(id))?.secretDigest
        expect(await digest()).to.match(/^hmac-sha256:1:/)
        const read = await send('GET', registered.registration_client_uri, undefined, {
          bearer: registered.registration_access_token,
        })
        expect(read.status).to.equal(200)
        const {
          registration_access_token: bearer,
          registration_client_uri: _,
          client_id_issued_at: __,
          client_secret_expires_at: ___,
          ...metadata
        } = read.json
        const update = (client_secret: string, token: string) =>
          sendJson(
            'PUT',
            registered.registration_client_uri,
            { ...metadata, client_secret },
            { bearer: token },
          )
        expect((await update(`${secret}x`, bearer)).status).to.equal(400)
        const updated = await update(secret, bearer)
        expect(updated.status, updated.text).to.equal(200)
        const wrong = await post(
          at('/token'),
          { grant_type: 'client_credentials' },
          { basic: [id, `${secret}x`] },
        )
        expect(wrong.json.error).to.equal('invalid_client')
        expect((await machine()).json.error).to.not.equal('invalid_client')
        await until(async () => String(await digest()).startsWith('hmac-sha256:2:'))
        expect((await machine()).json.error).to.not.equal('invalid_client')
      },
    ])

    const forgotten = newAgent()
    await forgotten.submit(await forgotten.get(at('/forgot-password')), { email: 'forgot@example.org' })
    const reset = /https?:\/\/\S+\/reset-password\/\S+/.exec(
      (await app.nextMail('forgot@example.org')).text,
    )?.[0]
    later.push([
      'a link to reset a password',
      async () => {
        const page = await forgotten.get(String(reset))
        expect(
          (await forgotten.submit(page, { password: 'a new password after the rotation' })).status,
        ).to.equal(200)
      },
    ])
    const setup = String(await app.app.setupUrl())
    later.push([
      'the setup link',
      async () => void expect((await newAgent().get(setup)).forms.length).to.equal(1),
    ])
    for (const by of ['code', 'link'] as const) {
      const email = `${by}@example.org`
      const newcomer = newAgent()
      const form = await newcomer.get(`${(await newcomer.get((await begin(rp)).url.href)).url}/register`)
      const verify = await newcomer.submit(
        form,
        { email, password: 'an unproven password of it' },
        '/register',
      )
      const mail = (await app.nextMail(email)).text
      later.push([
        `a registration, by its ${by}`,
        async () => {
          const code = /\b(\d{3}) ?(\d{3})\b/.exec(mail)?.slice(1).join('')
          const link = String(/https?:\/\/\S+\/verify-email\/\S+/.exec(mail)?.[0])
          const page = by === 'code' ? verify : await newcomer.get(link)
          const done = await newcomer.submit(
            page,
            by === 'code' ? { code: String(code) } : {},
            by === 'code' ? '/verify-email' : 0,
          )
          expect(done.status, done.text.slice(0, 800)).to.equal(200)
          expect(await app.app.storage.database.users.findByEmail(email)).to.include({ emailVerified: true })
        },
      ])
    }

    const slow = newAgent()
    const form = await slow.get((await begin(rp)).url.href)
    later.push([
      'a form that was open, and a password, which is hashed anew',
      async () => {
        const { users } = app.app.storage.database
        const userId = String((await users.findByEmail('late@example.org'))?.id)
        const before = String(await users.passwordHash(userId))
        const page = await slow.submit(
          form,
          { identifier: 'late@example.org', password: PASSWORD },
          '/sign-in',
        )
        expect(
          page.forms.some(({ action }) => action.endsWith('/consent')),
          page.text.slice(0, 800),
        ).to.equal(true)
        const after = String(await users.passwordHash(userId))
        expect(keyIdOf(after)).to.not.equal(keyIdOf(before))
      },
    ])
    const halfway = newAgent()
    const consent = await halfway.submit(
      await halfway.get((await begin(rp, scope)).url.href),
      { identifier: 'jane@example.org', password: PASSWORD },
      '/sign-in',
    )
    later.push([
      'a sign-in that was at its consent',
      async () => expect((await halfway.submit(consent, {}, '/consent')).url).to.match(/[?&]code=/),
    ])
    later.push([
      'a browser that is known',
      async () => {
        const page = await agent.get((await begin(rp, { prompt: 'select_account' })).url.href)
        expect(page.text).to.include('jane@example.org')
      },
    ])

    const { artifacts } = app.app.storage
    expect(await artifacts.claim('ReplayDetection', 'a jti', 600)).to.equal(true)
    later.push([
      'a jti that was seen',
      async () => expect(await artifacts.claim('ReplayDetection', 'a jti', 600)).to.equal(false),
    ])

    await rotate()
    expect(
      (await rows('select version from data_keys order by version')).map(({ version }) => version),
    ).to.deep.equal([1, 2])
  })

  it('and all of it goes on', async function () {
    this.timeout(120_000)
    expect(later.length).to.be.at.least(15)
    for (const [what, works] of later) {
      try {
        await works()
      } catch (error) {
        throw new Error(`${what}: ${(error as Error).message}`, { cause: error })
      }
    }
  })

  it('and what is new is made with the new key', async () => {
    const { keyring } = await node()
    const rp = await discover(app.issuer)
    const { tokens } = await signIn(rp, { scope: 'openid offline_access', prompt: 'consent' })
    const stored = await rows('select id from oidc_refresh_tokens order by created_at desc limit 1')
    const [current, former] = keyring.idHashes('RefreshToken', String(tokens.refresh_token))
    expect(keyring.version).to.equal(2)
    expect(current.equals(stored[0]?.id as Buffer)).to.equal(true)
    expect(former).to.be.instanceOf(Buffer)
    expect(
      (await rows('select sealed from signing_keys')).map(({ sealed }) => (sealed as Buffer)[0]),
    ).to.deep.equal([2, 2, 2])
  })

  it('and another secret key opens the same keys, without a sign-out', async () => {
    const before = (await node()).keyring
    const keyring = new Keyring()
    const replaced = { current: randomBytes(32), previous: app.secrets.rootKey }
    const opened = await new DataKeys(app.app.storage.dataKeys, keyring, replaced).open()
    expect(opened.rewrapped).to.deep.equal([1, 2])
    expect(keyring.idHashes('Session', 's')).to.deep.equal(before.idHashes('Session', 's'))
    expect(new DataKey(1, randomBytes(32)).hashId('Session', 's')).to.not.deep.equal(
      before.hashId('Session', 's'),
    )
  })

  async function node() {
    const keyring = new Keyring()
    const keys = new DataKeys(app.app.storage.dataKeys, keyring, { current: app.secrets.rootKey })
    await keys.open()
    return { keyring, keys }
  }

  /** As `ostiary data-key rotate` does; the running app is told at once instead of within half a minute. */
  async function rotate(): Promise<void> {
    const { keyring, keys } = await node()
    const rotation = new KeyRotation(app.app.storage.dataKeys, keyring, keys)
    await rotation.begin({ activeInSeconds: 0 })
    app.app.storage.notices.publish('keys')
    await until(async () => app.logs.some(({ msg }) => msg === 'the data keys have changed'))
    const former = await sealedBefore()
    // Two keys for tokens, one for cookies, the salt of pairwise subjects; with the key of the audit chain once it was begun,
    // and those of people in the audit record.
    expect(former).to.be.at.least(4)
    expect(await rotation.reseal()).to.equal(former)
    expect(await sealedBefore()).to.equal(0)
  }

  /** How many values stand under a version that is not the newest. */
  async function sealedBefore(): Promise<number> {
    const counts = SEALED_COLUMNS.map(
      ({ table, column }) =>
        `(select count(*) from ${table} where get_byte(${column}, 0) <> (select max(version) from data_keys))`,
    )
    const [row] = await app.sql.query<{ count: string }>(`select ${counts.join(' + ')} as count`)
    return Number(row?.count)
  }

  async function rows(text: string): Promise<Record<string, unknown>[]> {
    return app.sql.query(text)
  }
})

async function silently(rp: client.Configuration, agent: UserAgent): Promise<string> {
  const started = await begin(rp, { prompt: 'none' })
  const { code, error } = responseOf((await agent.get(started.url.href)).url)
  if (code === undefined) throw new Error(`no code: ${error}`)
  return code
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 200 && !(await holds()); tries += 1) await sleep(50)
  expect(await holds()).to.equal(true)
}

function keyIdOf(phc: string): string | undefined {
  return /,keyid=([^$]+)/.exec(phc)?.[1]
}
