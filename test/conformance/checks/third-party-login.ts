/** Sign-in that a third party begins, here the provider itself (OpenID Connect Core 1.0, 4). */
import { expect } from 'chai'
import { check } from '../harness/check.ts'
import { accepts, idToken, json, mutation, refuses } from '../harness/mutations.ts'
import type { Op } from '../harness/op.ts'
import { ADA, ENTRANCE, OPENED, WEB } from '../harness/parties.ts'
import { register } from './dynamic.ts'

const URI = 'https://app.example/begin'
const TARGET = 'https://app.example/albums?id=1'

const opened = (op: Op, more: Record<string, string> = {}) =>
  op.get(`/open-app?${new URLSearchParams({ client_id: OPENED.id, ...more })}`, {
    headers: { accept: 'text/html' },
  })

async function sentTo(op: Op, more: Record<string, string> = {}): Promise<URL> {
  const { status, headers, text } = await opened(op, more)
  expect(status, text.slice(0, 200)).to.be.oneOf([302, 303])
  return new URL(String(headers.get('location')))
}
const goesNowhere = async (op: Op, more: Record<string, string>) => {
  const { status, headers } = await opened(op, more)
  expect([status, headers.get('location')]).to.deep.equal([400, null])
}
const entrance = (what: string, change: (url: URL) => unknown) =>
  mutation(what, ({ url, headers }) => {
    const to = URL.parse(headers.get('location') ?? '')
    if (url.pathname !== '/open-app' || !to) return
    change(to)
    headers.set('location', to.href)
  })
const sendsAnywhere = mutation('sends people there', (exchange) => {
  if (exchange.url.pathname !== '/open-app' || exchange.status < 400) return
  exchange.status = 303
  exchange.headers.set('location', exchange.url.searchParams.get('target_link_uri') ?? ENTRANCE)
})

export const thirdPartyLogin = [
  check(
    'third-party-registered',
    'OpenID Connect Registration 1.0, 2',
    'takes initiate_login_uri and answers with it',
    async (op) => {
      const { status, json: body } = await register(op, { initiate_login_uri: URI })
      expect([status, body.initiate_login_uri]).to.deep.equal([201, URI])
    },
    json('/reg', 'forgets it', (body) => delete body.initiate_login_uri),
    refuses('/reg'),
  ),
  check(
    'third-party-https',
    'OpenID Connect Registration 1.0, 2',
    'takes no initiate_login_uri that is not https',
    async (op) => {
      const { status, json: body } = await register(op, { initiate_login_uri: 'http://app.example/begin' })
      expect([status, body.error]).to.deep.equal([400, 'invalid_client_metadata'])
    },
    accepts('/reg'),
  ),
  check(
    'third-party-no-script',
    'OpenID Connect Core 1.0, 4',
    'takes no initiate_login_uri that a browser would run',
    async (op) => {
      const { status, json: body } = await register(op, { initiate_login_uri: 'javascript:alert(1)' })
      expect([status, body.error]).to.deep.equal([400, 'invalid_client_metadata'])
    },
    accepts('/reg'),
  ),
  check(
    'third-party-entrance',
    'OpenID Connect Core 1.0, 4',
    'sends the browser to the app’s entrance, and keeps the query of its address',
    async (op) => {
      const to = await sentTo(op)
      expect([to.origin + to.pathname, to.searchParams.get('from')]).to.deep.equal([URI, 'op'])
    },
    entrance('throws the query away', (to) => to.searchParams.delete('from')),
    entrance('sends it elsewhere', (to) => {
      to.pathname = '/elsewhere'
    }),
  ),
  check(
    'third-party-iss',
    'OpenID Connect Core 1.0, 4',
    'says to the app who sends the person',
    async (op) => expect((await sentTo(op)).searchParams.get('iss')).to.equal(op.issuer),
    entrance('does not say', (to) => to.searchParams.delete('iss')),
    entrance('names another', (to) => to.searchParams.set('iss', 'https://evil.example')),
  ),
  check(
    'third-party-nothing-more',
    'OpenID Connect Core 1.0, 4',
    'tells the app nothing that was not asked for',
    async (op) => expect([...(await sentTo(op)).searchParams.keys()]).to.have.members(['from', 'iss']),
    entrance('tells who it is', (to) => to.searchParams.set('login_hint', ADA.email)),
  ),
  check(
    'third-party-target',
    'OpenID Connect Core 1.0, 4',
    'hands on which place in the app is meant',
    async (op) => {
      const to = await sentTo(op, { target_link_uri: TARGET })
      expect(to.searchParams.get('target_link_uri')).to.equal(TARGET)
    },
    entrance('forgets it', (to) => to.searchParams.delete('target_link_uri')),
  ),
  check(
    'third-party-target-foreign',
    'OpenID Connect Core 1.0, 4',
    'hands on no place that is not the app’s: apps that believe it would be open redirectors',
    async (op) => goesNowhere(op, { target_link_uri: 'https://evil.example/' }),
    sendsAnywhere,
  ),
  check(
    'third-party-unknown',
    'OpenID Connect Core 1.0, 4',
    'sends nobody anywhere for an app it does not know',
    async (op) => goesNowhere(op, { client_id: 'nobody' }),
    sendsAnywhere,
  ),
  check(
    'third-party-no-entrance',
    'OpenID Connect Core 1.0, 4',
    'sends nobody to an app that registered no entrance',
    async (op) => goesNowhere(op, { client_id: WEB.id }),
    sendsAnywhere,
  ),
  check(
    'third-party-flow',
    'OpenID Connect Core 1.0, 4',
    'signs the person in who began here: the hint is in the form, the app gets its tokens',
    async (op) => {
      const to = await sentTo(op, { login_hint: ADA.email })
      const hint = String(to.searchParams.get('login_hint'))
      const { page } = await op.ask(OPENED, { login_hint: hint })
      expect(page.forms.flatMap(({ fields }) => fields)).to.deep.include(['identifier', ADA.email])
      expect((await op.signIn(OPENED, { login_hint: hint })).claims.aud).to.equal(OPENED.id)
    },
    entrance('forgets the hint', (to) => to.searchParams.delete('login_hint')),
    idToken('signs in to another app', (claims) => Object.assign(claims, { aud: WEB.id })),
  ),
]
