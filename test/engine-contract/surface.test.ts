/** Members, names and payloads of the engine that its documentation does not promise, and that we build on. */
import { EventEmitter } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { interactionPolicy } from 'oidc-provider'
import { lifetimesOf } from '../../src/config/lifetimes.ts'
import { ttl } from '../../src/oidc/tokens.ts'
import { ARTIFACT_MODELS } from '../../src/storage/artifact-store.ts'
import { post } from '../support/protocol.ts'
import { RP_SECRET, webClient } from '../support/relying-party.ts'
import { ROOT } from '../support/source-tree.ts'
import { type RunningApp, startApp } from '../support/start-app.ts'

/** What each artifact is stored with: a member more must be looked at (is it a secret?), one less be missed. */
const ISSUED = 'acr amr authTime claims nonce resource scope sid'
const BOUND = 'sessionUid expiresWithSession accountId'
const PAYLOADS: Record<string, string> = {
  Session: 'uid acr amr accountId loginTs transient state authorizations',
  Interaction: 'session params prompt result returnTo trusted grantId lastSubmission deviceCode cid parJti',
  Grant: 'accountId clientId resources openid rejected rar',
  AuthorizationCode: `clientId consumed grantId attestationJkt ${BOUND} ${ISSUED} codeChallenge codeChallengeMethod redirectUri dpopJkt rar`,
  RefreshToken: `clientId consumed gty grantId x5t#S256 jkt attestationJkt ${BOUND} ${ISSUED} rar rotations iiat`,
  AccessToken: `clientId gty grantId x5t#S256 jkt ${BOUND} aud rar claims extra scope sid`,
  ClientCredentials: 'clientId x5t#S256 jkt aud extra rar scope',
  DeviceCode: `clientId consumed grantId attestationJkt ${BOUND} ${ISSUED} error errorDescription params rar userCode inFlight deviceInfo`,
  BackchannelAuthenticationRequest: `clientId consumed grantId attestationJkt ${BOUND} ${ISSUED} error errorDescription params rar`,
  PushedAuthorizationRequest: 'consumed attestationJkt request dpopJkt trusted',
  ReplayDetection: 'iss',
  InitialAccessToken: 'policies',
  RegistrationAccessToken: 'clientId policies',
}
const IN_ALL = ['iat', 'exp', 'jti', 'kind']

/** Route names that our code compares `ctx.oidc.route` with. */
const ROUTES = {
  authorization: {},
  resume: { uid: 'x' },
  token: {},
  userinfo: {},
  revocation: {},
  introspection: {},
  code_verification: {},
  device_resume: { uid: 'x' },
  end_session: {},
  end_session_confirm: {},
  client_update: { clientId: 'x' },
  pushed_authorization_request: {},
}

/** The engine's own source, as text: for the words and names that it only says while something goes wrong. */
const ENGINE = dirname(fileURLToPath(import.meta.resolve('oidc-provider')))
const engineText = readdirSync(ENGINE, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.js'))
  .map((file) => readFileSync(join(ENGINE, file), 'utf8'))
  .join('\n')
const ours = (path: string) => readFileSync(join(ROOT, path), 'utf8')

describe('the engine still has', () => {
  let running: RunningApp
  // biome-ignore lint/suspicious/noExplicitAny: what its types do not tell is what is looked at
  let provider: any
  before(async () => {
    running = await startApp({ overrides: { clients: [webClient({ grant_types: ['client_credentials'] })] } })
    provider = running.app.engine.provider
  })
  after(() => running.close())

  for (const model of ARTIFACT_MODELS)
    it(`the model ${model}, stored with what we know of`, () => {
      expect(PAYLOADS, `${model} has no row here`).to.have.property(model)
      const expected = [...IN_ALL, ...String(PAYLOADS[model]).split(' ')]
      expect([...new Set(provider[model].IN_PAYLOAD)]).to.have.members(expected)
    })

  it('no model that is stored besides these and the client', () => {
    const names = Object.getOwnPropertyNames(Object.getPrototypeOf(provider)).filter((name) =>
      /^[A-Z]/.test(name),
    )
    const stored = names.filter((name) => Array.isArray(provider[name]?.IN_PAYLOAD))
    expect(stored).to.include.members(['Session', 'AccessToken'])
    // The first is what the others are made of; the second belongs to credential issuance, which is off.
    const known = ['BaseToken', 'PreAuthorizedCode', 'Client', ...ARTIFACT_MODELS]
    expect(stored.filter((name) => !known.includes(name))).to.deep.equal([])
  })

  for (const [name, parameters] of Object.entries(ROUTES))
    it(`the route "${name}"`, () => expect(provider.pathFor(name, parameters)).to.match(/^\//))

  it('Client.find, by which it looks for every client itself', async () => {
    const { find } = provider.Client
    const asked: string[] = []
    provider.Client.find = (id: string) => {
      asked.push(id)
      return find(id)
    }
    try {
      const form = { grant_type: 'client_credentials' }
      const { status } = await post(`${running.issuer}/token`, form, { basic: ['web', RP_SECRET] })
      expect([status, ...asked]).to.deep.equal([200, 'web'])
    } finally {
      provider.Client.find = find
    }
  })

  it('Client.prototype.compareClientSecret, by which it compares every secret', async () => {
    const { compareClientSecret } = provider.Client.prototype
    const shown: string[] = []
    provider.Client.prototype.compareClientSecret = (presented: string) => {
      shown.push(presented)
      return false
    }
    try {
      const form = { grant_type: 'client_credentials' }
      const { status } = await post(`${running.issuer}/token`, form, { basic: ['web', RP_SECRET] })
      expect([status, ...shown]).to.deep.equal([401, RP_SECRET])
    } finally {
      provider.Client.prototype.compareClientSecret = compareClientSecret
    }
  })

  it('Client.validate, which refuses what registration would', async () => {
    await provider.Client.validate(webClient())
    const refused = await provider.Client.validate({ client_id: 'x', redirect_uris: ['no uri'] }).catch(
      (error: { error?: string }) => error.error,
    )
    expect(refused).to.match(/^invalid_(client_metadata|redirect_uri)$/)
  })

  it('backchannelLogout of a client', () => {
    // Under the name that ours has for it (`src/oidc/backchannel.ts`).
    expect(provider.Client.prototype.sendLogoutToken).to.be.a('function').with.property('length', 2)
  })

  it('cookieName and the keys that the pages sign with', () => {
    expect(provider.cookieName('session')).to.equal('ostiary_session')
    expect(provider.keys).to.deep.equal(running.app.engine.cookieKeys)
    expect(provider).to.be.instanceOf(EventEmitter)
  })

  it('checks of the consent under the names that we replace', () => {
    const policy = interactionPolicy.base()
    const checks = policy.get('consent')?.checks as unknown as { reason: string }[]
    expect(checks.map(({ reason }) => reason)).to.include('rar_prompt')
  })

  it('a session and a grant with the members that the store merges and the pages read', () => {
    const session = new provider.Session({ jti: 'j', uid: 'u' })
    for (const name of ['grantIdFor', 'sidFor', 'authorizationFor', 'authTime'])
      expect(session[name], name).to.be.a('function')
    session.grantIdFor('app', 'g')
    expect(session.authorizations).to.deep.equal({ app: { grantId: 'g' } })
    const grant = new provider.Grant({ accountId: 'a', clientId: 'app' })
    grant.rejectOIDCScope('email phone')
    expect(grant.rejected.openid.scope).to.equal('email phone')
    grant.addResourceScope('https://api.example', 'read')
    expect(grant.resources).to.deep.equal({ 'https://api.example': 'read' })
  })
})

describe('the engine still says', () => {
  const events = [...ours('src/oidc/events.ts').matchAll(/'([a-z_]+\.[a-z_]+)'/g)].map(([, name]) =>
    String(name),
  )

  for (const name of new Set(events.filter((event) => !/^(user|client)\./.test(event))))
    it(`the event ${name}`, () => expect(engineText, 'nothing emits it any more').to.include(`'${name}'`))

  const causes = readdirSync(join(ROOT, 'src/domain/failures/causes'))
  for (const file of causes)
    it(`the words that causes/${file} knows it by`, () => {
      const text = ours(`src/domain/failures/causes/${file}`)
      const words = [...text.matchAll(/says\(failure, '([^']+)'\)/g)].map(([, one]) => String(one))
      const sources =
        engineText +
        readdirSync(join(ROOT, 'src/oidc'), { recursive: true, encoding: 'utf8' })
          .filter((one) => one.endsWith('.ts'))
          .map((one) => ours(`src/oidc/${one}`))
          .join('\n')
      const gone = words.filter((one) => !sources.includes(one))
      expect(gone, 'nobody says this any more').to.deep.equal([])
    })
})

describe('lifetimes that the engine does not compare', () => {
  it('a Grant outlives every refresh token that can be under it, however long sessions are', () => {
    for (const settings of [
      {},
      { SESSION_MAX_HOURS: 8760, REMEMBER_MAX_DAYS: 365, REFRESH_MAX_DAYS: 3650 },
    ]) {
      const lifetimes = lifetimesOf(settings)
      const { Grant } = ttl(lifetimes) as { Grant: number }
      const latest = Math.max(lifetimes.session.most, lifetimes.remembered.most)
      expect(Grant).to.be.at.least(latest + lifetimes.refresh.most)
    }
  })
})
