/** `ostiary conformance` as an operator runs it: against a provider that is well, and against broken ones. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { type Result, runProbes } from '../../src/conformance/probe.ts'
import { PROBES } from '../../src/conformance/probes.ts'
import { Target, type TargetClient } from '../../src/conformance/target.ts'
import { ostiaryMeanwhile } from '../support/command.ts'
import { LOCALHOST_CERTIFICATE } from '../support/own-certificate.ts'
import { type AppServer, startAppServer } from './harness/app-server.ts'
import { type BreakingProxy, startBreakingProxy } from './harness/breaking-proxy.ts'
import {
  accepts,
  callback,
  errs,
  header,
  jwks,
  metadata,
  mutation,
  page,
  status,
} from './harness/mutations.ts'
import { WEB } from './harness/parties.ts'
import type { Mutation } from './harness/wire.ts'
import { startWorld, type World } from './harness/world.ts'

const OIDC = '/.well-known/openid-configuration'
const CLIENT: TargetClient = {
  ...{ id: WEB.id, redirectUri: WEB.redirectUri, auth: 'client_secret_basic', secret: String(WEB.secret) },
}

const onSignInPage = (name: string) => header('/interaction', name)
const redirects = mutation('sends people wherever they ask', (exchange) => {
  const to =
    exchange.url.searchParams.get('redirect_uri') ?? exchange.url.searchParams.get('post_logout_redirect_uri')
  if (to === null) return
  exchange.status = 303
  exchange.headers.set('location', `${to}?code=x`)
})

/** By each of these its probe fails. `hsts` and `https` have tests of their own. */
const BROKEN: Record<string, Mutation> = {
  discovery: header(OIDC, 'content-type', 'text/html'),
  'discovery-issuer': metadata('names another', (it) => Object.assign(it, { issuer: `${it.issuer}/` })),
  'discovery-members': metadata('lacks a member', (it) => delete it.subject_types_supported),
  'no-implicit': metadata('offers implicit', (it) => (it.response_types_supported as string[]).push('token')),
  'no-password-grant': metadata('offers it', (it) => (it.grant_types_supported as string[]).push('password')),
  algorithms: metadata('takes none', (it) =>
    (it.request_object_signing_alg_values_supported as string[]).push('none'),
  ),
  'pkce-announced': metadata('offers plain', (it) =>
    (it.code_challenge_methods_supported as string[]).push('plain'),
  ),
  'iss-announced': metadata('does not', (it) => delete it.authorization_response_iss_parameter_supported),
  'metadata-cors': header('/jwks', 'access-control-allow-origin'),
  'keys-public': jwks('publishes a private key', (keys) =>
    keys.map((key) => Object.assign(key, { d: 'AAAA' })),
  ),
  'keys-named': jwks('names all alike', (keys) => keys.map((key) => Object.assign(key, { kid: 'one' }))),
  'keys-strong': jwks('has small keys', (keys) =>
    keys.map((key) => key.n && Object.assign(key, { n: 'AQAB' })),
  ),
  'keys-cached-briefly': header('/jwks', 'cache-control', 'max-age=31536000'),
  'unknown-client': redirects,
  'error-page-escaped': page('echoes', (html) => html.replace('</body>', '<i>conformance</i></body>')),
  'error-page-not-framed': mutation('may be framed', ({ headers }) => {
    for (const name of ['content-security-policy', 'x-frame-options']) headers.delete(name)
  }),
  'error-page-no-inline-script': header('/auth', 'content-security-policy', "script-src 'unsafe-inline'"),
  'error-page-no-referrer': header('/auth', 'referrer-policy'),
  'error-page-no-store': header('/auth', 'cache-control', 'public'),
  'error-page-no-sniffing': header('/auth', 'x-content-type-options'),
  'auth-no-cors': header('/auth', 'access-control-allow-origin', '*'),
  'token-unknown-client': accepts('/token'),
  'token-no-store': header('/token', 'cache-control'),
  'token-by-get': status('/token', 405, 200),
  'userinfo-no-token': accepts('/userinfo'),
  'userinfo-bad-token': errs('invalid_token'),
  'introspection-protected': accepts('/introspect'),
  'registration-protected': accepts('/reg'),
  'par-protected': accepts('/par'),
  'logout-no-redirect': redirects,
  'logout-unsigned-hint': accepts('/session/end'),
  'redirect-other': redirects,
  'redirect-longer': redirects,
  'pkce-required': accepts('/auth'),
  'pkce-plain': accepts('/auth'),
  'response-type-token': accepts('/auth'),
  'request-unsigned': accepts('/auth'),
  'error-state': callback('changes it', (params) => params.set('state', 'another')),
  'error-iss': callback('leaves it out', (params) => params.delete('iss')),
  'prompt-none': errs('login_required'),
  'redirect-status': mutation('redirects with 307', (exchange) => {
    if (exchange.headers.has('location')) exchange.status = 307
  }),
  cookies: mutation('shows them to scripts', ({ headers }) => {
    const cookies = headers.getSetCookie()
    headers.delete('set-cookie')
    for (const cookie of cookies) headers.append('set-cookie', cookie.replace(/; ?httponly/i, ''))
  }),
  'sign-in-page-not-framed': mutation('may be framed', ({ headers }) => {
    for (const name of ['content-security-policy', 'x-frame-options']) headers.delete(name)
  }),
  'sign-in-page-no-inline-script': onSignInPage('content-security-policy'),
  'sign-in-page-no-referrer': onSignInPage('referrer-policy'),
  'sign-in-page-no-store': onSignInPage('cache-control'),
  'sign-in-page-no-sniffing': onSignInPage('x-content-type-options'),
  'client-wrong-secret': accepts('/token'),
  'code-unknown': errs('invalid_grant', 'invalid_client'),
  'password-grant': accepts('/token'),
}

describe('ostiary conformance', function () {
  this.timeout(60_000)
  let world: World
  let proxy: BreakingProxy
  let elsewhere: AppServer
  const folder = mkdtempSync(join(tmpdir(), 'ostiary-conformance-'))
  const clientFile = join(folder, 'client.json')

  before(async () => {
    world = await startWorld('pglite')
    ;[proxy, elsewhere] = await Promise.all([startBreakingProxy(world.issuer), startAppServer()])
    const metadata = { client_id: WEB.id, client_secret: WEB.secret, redirect_uris: [WEB.redirectUri] }
    writeFileSync(clientFile, JSON.stringify(metadata))
  })
  after(async () => {
    rmSync(folder, { recursive: true, force: true })
    await Promise.all([proxy?.close(), elsewhere?.close()])
    await world?.close()
  })
  afterEach(() => proxy.break())

  const command = (...args: string[]) => commandWith({}, ...args)

  async function commandWith(settings: Record<string, string>, ...args: string[]) {
    const { status: code, ...said } = await ostiaryMeanwhile(settings, ['conformance', ...args])
    return { ...said, code }
  }

  const one = async (name: string): Promise<Result | undefined> => {
    const probe = PROBES.filter((candidate) => candidate.name === name)
    return (await runProbes(probe, new Target(proxy.origin, CLIENT)))[0]
  }

  it('passes a provider that is well, with a client and all', async () => {
    const { stdout, stderr, code } = await command('--issuer', world.issuer, '--client-file', clientFile)
    expect([stderr, code], stdout).to.deep.equal(['', 0])
    expect(stdout).to.match(/^pass {2}pkce-required: .* \[RFC 9700, 2\.1\.1\]$/m)
    expect(stdout).to.match(/^skip {2}hsts: the issuer is not https$/m)
    expect(stdout).to.match(/^(\d+) passed, 0 failed, 1 skipped; \d+ requests, nothing was changed$/m)
    expect(stdout).to.not.include(String(WEB.secret))
  })

  it('asks less without a client, and says what it left out', async () => {
    const { stdout, code } = await command('--issuer', world.issuer, '--json')
    const { results, requests } = JSON.parse(stdout) as { results: Result[]; requests: number }
    expect(code).to.equal(0)
    expect(requests).to.be.below(40)
    const skipped = results.filter(({ state }) => state === 'skip').map(({ name }) => name)
    expect(skipped).to.include.members(['pkce-required', 'code-unknown'])
    expect(results.filter(({ state }) => state === 'fail')).to.deep.equal([])
  })

  it('changes nothing: no client, no sign-in, no record but of what failed', async () => {
    const clients = async () => (await world.app.app.storage.database.clients.list()).length
    const before = await clients()
    await runProbes(PROBES, new Target(world.issuer, CLIENT))
    expect(await clients()).to.equal(before)
    expect(await world.app.mails()).to.deep.equal([])
  })

  it('lists what is broken, why, and what to do; exit code 3', async () => {
    proxy.break(header('/auth', 'cache-control', 'public'))
    const { stdout, code } = await command('--issuer', proxy.origin)
    expect(code).to.equal(3)
    expect(stdout).to.match(
      /^FAIL {2}error-page-no-store: .*\[RFC 9700, 4\.2\]\n {6}cache-control: public\n {6}-> send Cache-Control/m,
    )
    expect(stdout).to.match(/, 1 failed, /)
  })

  it('has a breakage for every question', () => {
    const names = PROBES.map(({ name }) => name).filter((name) => name !== 'hsts' && name !== 'https')
    expect(Object.keys(BROKEN).sort()).to.deep.equal(names.sort())
  })

  for (const [name, broken] of Object.entries(BROKEN))
    it(`${name} fails when the provider ${broken.what}`, async () => {
      expect((await one(name))?.state, 'the control').to.equal('pass')
      proxy.break(broken)
      const result = await one(name)
      expect(result?.state, JSON.stringify(result)).to.equal('fail')
      expect(result?.detail)
        .to.be.a('string')
        .that.does.not.match(/^no answer/)
    })

  it('asks an https issuer for Strict-Transport-Security and Secure cookies, and trusts no certificate that the machine does not', async () => {
    const authority = join(folder, 'authority.pem')
    writeFileSync(authority, LOCALHOST_CERTIFICATE.cert)
    const secure = await startBreakingProxy(world.issuer, LOCALHOST_CERTIFICATE)
    const ask = async () => {
      const trusting = { NODE_EXTRA_CA_CERTS: authority }
      const { stdout } = await commandWith(
        trusting,
        '--issuer',
        secure.origin,
        '--client-file',
        clientFile,
        '--json',
      )
      const { results } = JSON.parse(stdout) as { results: Result[] }
      return results.filter(({ state }) => state !== 'pass').map(({ name }) => name)
    }
    try {
      const strange = await command('--issuer', secure.origin)
      expect([strange.code, strange.stdout]).to.deep.equal([1, ''])
      expect(strange.stderr).to.match(/certificate/)
      expect(await ask()).to.deep.equal(['hsts', 'cookies'])
      secure.break(
        mutation('speaks https', ({ headers }) => {
          headers.set('strict-transport-security', 'max-age=31536000')
          const cookies = headers.getSetCookie()
          headers.delete('set-cookie')
          for (const cookie of cookies) headers.append('set-cookie', `${cookie}; Secure`)
        }),
      )
      expect(await ask()).to.deep.equal([])
    } finally {
      await secure.close()
    }
  })

  it('asks everybody away from this machine for https', async () => {
    const [https] = PROBES.filter(({ name }) => name === 'https')
    const failed = await https
      ?.run(new Target('http://id.example.org'))
      .catch((error: Error) => error.message)
    expect(failed).to.equal('the issuer begins with http://')
    expect(await https?.run(new Target('https://id.example.org'))).to.equal(undefined)
  })

  it('follows no server to another host, whatever it answers', async () => {
    proxy.break(
      mutation('points elsewhere', (exchange) => {
        exchange.text = exchange.text.replaceAll(
          /http:\/\/localhost:\d+\/(?!\.well)/g,
          `${elsewhere.origin}/`,
        )
        if (exchange.headers.has('location')) exchange.headers.set('location', `${elsewhere.origin}/stolen`)
      }),
    )
    const results = await runProbes(PROBES, new Target(proxy.origin, CLIENT))
    expect(elsewhere.hits).to.deep.equal([])
    const [token] = results.filter(({ name }) => name === 'token-unknown-client')
    expect(token?.state).to.equal('skip')
    expect(token?.detail).to.include('is not the issuer’s origin')
  })

  it('shows nothing of a server’s answer that a terminal would obey', async () => {
    proxy.break(
      metadata('is nasty', (it) =>
        Object.assign(it, { code_challenge_methods_supported: ['\u001b[2J\u202ex'] }),
      ),
    )
    expect((await one('pkce-announced'))?.detail).to.match(/^[\x20-\x7e]+$/)
  })

  it('says with another exit code that the question could not be put', async () => {
    const nobody = await command('--issuer', 'http://127.0.0.1:1')
    expect([nobody.code, nobody.stdout]).to.deep.equal([1, ''])
    expect(nobody.stderr).to.match(
      /^http:\/\/127\.0\.0\.1:1\/\.well-known\/openid-configuration does not answer: /,
    )
    for (const args of [
      [],
      ['--issuer', 'nonsense'],
      ['--isuer', 'x'],
      ['--issuer', 'http://a.example', '--client-id', 'x'],
    ]) {
      const { code, stderr } = await command(...args)
      expect([code, stderr.includes('Usage: ostiary conformance')], args.join(' ')).to.deep.equal([2, true])
    }
    expect(
      (await command('--issuer', world.issuer, '--client-file', join(folder, 'none.json'))).code,
    ).to.equal(1)
    expect((await command('--help')).stdout).to.match(/^Usage: ostiary conformance/)
  })
})
