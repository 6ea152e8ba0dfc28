/**
 * Advisory group P (one path, many spellings): every protected path spelled as no client would, asked by somebody who
 * may not: the same policy decides, or there is no such page. Odd hosts and where they lead: `test/attacks/paths.test.ts`.
 * GHSA-x732-6j76-qmhm, CVE-2026-15573, CVE-2026-48794
 */
import { expect } from 'chai'
import { CONSOLE, newCaller } from '../support/api.ts'
import { onEveryStack } from '../support/protocol.ts'
import { type RawAnswer, sendRaw } from '../support/raw-http.ts'
import { publicClient, webClient } from '../support/relying-party.ts'

const METRICS = 'a-token-for-metrics-0123456789-0123456789'
const DEVICE_CODE = 'urn:ietf:params:oauth:grant-type:device_code'
const NOBODY = 'A'.repeat(43)

/** Spellings that some part of some server takes for the same path. */
function spellingsOf(path: string): string[] {
  const last = path.lastIndexOf('/')
  const [head, tail] = [path.slice(0, last), path.slice(last + 1)]
  const encoded = `%${tail.charCodeAt(0).toString(16)}${tail.slice(1)}`
  return [
    ...[`/${path}`, `//${path}`, `/.${path}`, `/x/..${path}`, `/%2e${path}`, `/x/%2e%2e${path}`],
    ...[`${head}//${tail}`, `${head}/./${tail}`, `${head}/x/../${tail}`, `${head}/%2e/${tail}`],
    ...[`${head}/${encoded}`, `${head}%2f${tail}`, `/%2f${path.slice(1)}`, `${head}\\${tail}`],
    ...[path.toUpperCase(), `${head}/${tail[0]?.toUpperCase()}${tail.slice(1)}`],
    ...[`${path}/`, `${path}//`, `${path}/.`, `${path}/..;/`, `${path}/%2e`, `${path}.`, `${path}.json`],
    ...[`${path};x`, `${path};x=/public`, `${head};x/${tail}`, `${path}%3bx`, `${path}%20`, `${path}%09`],
    ...[`${path}%3f`, `${path}?`, `${path}?/assets/main.css`, `${path}#x`, `${path}%23x`],
    // dotless i, long s, the Kelvin sign: one in another case than they seem
    ...[path.replaceAll('i', '%C4%B1'), path.replaceAll('s', '%C5%BF'), path.replaceAll('k', '%E2%84%AA')],
  ].filter((spelling) => spelling !== path && spelling.startsWith('/'))
}

/** Ways to say another method or path than the one that is asked. */
const OVERRIDES: Record<string, string>[] = [
  ...['GET', 'HEAD', 'OPTIONS', 'DELETE', 'PUT'].map((method) => ({ 'x-http-method-override': method })),
  { 'x-http-method': 'GET' },
  { 'x-method-override': 'GET' },
  { 'x-original-url': '/health/live' },
  { 'x-rewrite-url': '/health/live' },
  { 'x-original-method': 'OPTIONS' },
  { 'x-forwarded-uri': '/health/live' },
  { 'x-forwarded-prefix': '/assets' },
]

/** Method, path, and what an honest request of somebody without credentials is answered. */
const PROTECTED: [method: string, path: string, status: number][] = [
  ['GET', '/metrics', 401],
  ['GET', '/api/v1/users/me', 401],
  ['GET', '/api/v1/admin/users', 401],
  ['POST', '/api/v1/admin/users', 401],
  ['GET', '/api/v1/admin/clients', 401],
  ['GET', '/api/v1/admin/audit', 401],
  ['GET', '/api/v1/auth/verify', 401],
  ['POST', '/api/v1/auth/logout', 401],
  ['POST', '/api/v1/auth/logout-all', 401],
  ['POST', '/api/v1/users/me/export', 401],
  ['POST', '/token', 401],
  ['POST', '/par', 401],
  ['POST', '/introspect', 401],
  ['POST', '/revoke', 401],
  ['POST', '/backchannel', 401],
  ['POST', '/authorize-challenge', 401],
  ['POST', '/device/auth', 401],
  ['POST', '/reg', 401],
  ['GET', '/reg/web', 401],
  ['DELETE', '/reg/web', 401],
  ['GET', '/userinfo', 401],
  ['GET', `/approve/${NOBODY}`, 404],
  ['POST', `/approve/${NOBODY}`, 404],
  ['GET', `/setup/${NOBODY}`, 404],
  // a form whose page this browser was never shown
  ['POST', `/setup/${NOBODY}`, 400],
  ['POST', `/interaction/${NOBODY}/sign-in`, 400],
  ['POST', `/interaction/${NOBODY}/consent`, 400],
]

const clients = [
  webClient(CONSOLE),
  publicClient({ client_id: 'tv', grant_types: [DEVICE_CODE], redirect_uris: [], response_types: [] }),
]
const settings = { METRICS_TOKEN: METRICS }

onEveryStack('advisories P: spellings', { settings, overrides: { clients } }, (app) => {
  const ask = (method: string, target: string, headers: Record<string, string> = {}): Promise<RawAnswer> => {
    const json = /api|reg/i.test(target)
    const body = json ? '{}' : 'client_id=nobody&client_secret=nothing'
    const type = json ? 'application/json' : 'application/x-www-form-urlencoded'
    const form = method === 'POST' ? { 'content-type': type } : {}
    return sendRaw(app.issuer, {
      ...{ method, target, headers: { accept: 'application/json', ...form, ...headers } },
      ...(method === 'POST' ? { body } : {}),
    })
  }

  for (const [method, path, status] of PROTECTED)
    it(`${method} ${path}: ${status} or no such page`, async () => {
      const honest = await ask(method, path)
      expect(honest.status, honest.text).to.equal(status)
      for (const spelling of spellingsOf(path)) {
        const answer = await ask(method, spelling)
        // 405: another page, as `/users/:id` with an odd id is.
        expect(answer.status, `${spelling}: ${answer.text.slice(0, 200)}`).to.be.oneOf([status, 404, 405])
        if (answer.status === status && status === 401)
          expect(JSON.parse(answer.text).error ?? JSON.parse(answer.text).code, spelling).to.equal(
            JSON.parse(honest.text).error ?? JSON.parse(honest.text).code,
          )
      }
      for (const override of OVERRIDES) {
        const answer = await ask(method, path, override)
        expect(answer.status, JSON.stringify(override)).to.equal(status)
      }
      const inQuery = await ask(method, `${path}?_method=OPTIONS&method=GET`)
      expect(inQuery.status, 'a method in the query').to.equal(status)
    }).timeout(60_000)

  it('what only administrators may is nothing for a person, however it is spelled', async () => {
    const person = await newCaller(app, 'no-admin')
    const admin = await newCaller(app, 'an-admin', ['admin'])
    const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
    for (const path of ['/api/v1/admin/users', '/api/v1/admin/clients', '/api/v1/admin/audit']) {
      expect((await ask('GET', path, bearer(admin.token))).status).to.equal(200)
      expect((await ask('GET', path, bearer(person.token))).status).to.equal(403)
      for (const spelling of spellingsOf(path)) {
        const answer = await ask('GET', spelling, bearer(person.token))
        expect(answer.status, `${spelling}: ${answer.text.slice(0, 200)}`).to.be.oneOf([403, 404])
      }
      for (const override of OVERRIDES)
        expect((await ask('GET', path, { ...bearer(person.token), ...override })).status).to.equal(403)
    }
    const disable = `/api/v1/admin/users/${admin.userId}/disable`
    for (const spelling of [disable, ...spellingsOf(disable)])
      expect((await ask('POST', spelling, bearer(person.token))).status, spelling).to.be.oneOf([
        403, 404, 405,
      ])
    expect((await admin.get('/api/v1/users/me')).status).to.equal(200)
  }).timeout(60_000)

  it('what reads does not become what changes by another method (CVE-2026-15573)', async () => {
    for (const [method, path] of PROTECTED)
      for (const other of ['PROPFIND', 'TRACE', 'GET\tX', 'get', 'CONNECT', 'PATCH']) {
        const answer = await ask(other, path).catch(() => undefined)
        if (answer) expect(answer.status, `${other} for ${method} ${path}`).to.be.within(400, 499)
      }
  }).timeout(60_000)
})

onEveryStack(
  'advisories P: counters of all spellings',
  {
    overrides: { clients, limits: { userCodeNetwork: 3, openRegistrationNetwork: 3 } },
    settings: { REGISTRATION: 'open' },
  },
  (app) => {
    /** Answers that got past the door: neither "no such page" nor "too many". */
    async function through(path: string, body: string, type: string): Promise<number> {
      let count = 0
      for (const target of [path, ...spellingsOf(path)]) {
        const answer = await sendRaw(app.issuer, {
          method: 'POST',
          target,
          body,
          headers: { accept: 'application/json', 'content-type': type },
        })
        if (![404, 429].includes(answer.status)) count += 1
      }
      return count
    }

    it('codes of devices are guessed no faster by other spellings (GHSA-x732-6j76-qmhm)', async () => {
      const form = 'user_code=AAAA-AAAA&xsrf=x'
      expect(await through('/device', form, 'application/x-www-form-urlencoded')).to.equal(3)
    })

    it('clients register themselves no faster by other spellings', async () => {
      const metadata = JSON.stringify({ redirect_uris: ['https://app.example.org/cb'] })
      expect(await through('/reg', metadata, 'application/json')).to.equal(3)
    })
  },
)
