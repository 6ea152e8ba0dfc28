/**
 * Advisory group O (a request that costs more than it should, or that throws): every credential header that can be
 * written wrong, sizes and depths beyond what anybody needs, and regular expressions that a text could hold up.
 * CVE-2026-4634 (scopes), CVE-2025-25200, GHSA-xmf8-cvqr-rfgj (malformed Authorization throws)
 */
import { expect } from 'chai'
import { expectNoInsides } from '../support/answer-rules.ts'
import { CONSOLE, newCaller } from '../support/api.ts'
import { get, onEveryStack } from '../support/protocol.ts'
import { type RawAnswer, sendRaw } from '../support/raw-http.ts'
import { isRisky, regularExpressionsOf } from '../support/regular-expressions.ts'
import { CALLBACK, publicClient, RP_SECRET, webClient } from '../support/relying-party.ts'
import { readSourceTree } from '../support/source-tree.ts'

const METRICS = 'a-token-for-the-metrics-of-the-test-0123456789'
const TOKEN = 'an-initial-access-token-of-the-tests-0001'
const FORM = 'application/x-www-form-urlencoded'
const base64 = (text: string | Buffer) => Buffer.from(text).toString('base64')
const NONE_JWT = `${base64('{"alg":"none"}')}.${base64('{"sub":"x"}')}.`

/** No credential among them. */
const HEADERS: (string | string[])[] = [
  ...['', ' ', 'Basic', 'Basic ', 'Basic  x', 'Basic %%%', 'Basic =', 'Basic\tabc', 'Basic a b', 'BasicZm9v'],
  ...[
    `Basic ${base64(':')}`,
    `Basic ${base64('web')}`,
    `Basic ${base64('web:')}`,
    `Basic ${base64(':secret')}`,
  ],
  ...[
    `Basic ${base64('%zz:%zz')}`,
    `Basic ${base64('web:%')}`,
    `Basic ${base64('web:\0')}`,
    `Basic ${base64('\n:\r\n')}`,
  ],
  ...[
    `Basic ${base64(Buffer.from([0xff, 0xfe, 0x3a, 0xff]))}`,
    `Basic ${base64('é:ü')}`,
    `Basic ${base64(`web:${'x'.repeat(5_000)}`)}`,
  ],
  ...[`Basic ${base64('__proto__:x')}`, `Basic ${base64('constructor:x')}`, `Basic ${base64('web:x:y:z')}`],
  ...[
    'Bearer',
    'Bearer ',
    'Bearer  ',
    'bearer x',
    'BEARER x',
    'Bearer a b',
    'Bearer ,',
    'Bearer "x"',
    'Bearer\u00a0x',
  ],
  ...[
    `Bearer ${'x'.repeat(8_000)}`,
    `Bearer ${NONE_JWT}`,
    'Bearer ..',
    'Bearer a.b.c',
    'Bearer %00',
    'Bearer null',
  ],
  ...[
    'DPoP',
    'DPoP x',
    `DPoP ${NONE_JWT}`,
    'Digest username="x"',
    'Negotiate YII=',
    'Token x',
    'x',
    '"',
    '\\',
    '{}',
  ],
  ...['Bearer x, Basic eDp5', '__proto__ x', `${'A'.repeat(3_000)} x`, 'Basic \u00ff\u00fe', 'Bearer \u00e9'],
  ['Bearer x', `Basic ${base64(`web:${RP_SECRET}x`)}`],
  ['', ''],
]

const ENDPOINTS: [method: string, path: string, body?: string, type?: string][] = [
  ['POST', '/token', 'grant_type=client_credentials', FORM],
  ['POST', '/introspect', 'token=x', FORM],
  ['POST', '/revoke', 'token=x', FORM],
  ['POST', '/par', 'response_type=code', FORM],
  ['POST', '/device/auth', 'scope=openid', FORM],
  ['POST', '/backchannel', 'scope=openid', FORM],
  ['POST', '/authorize-challenge', 'username=x', FORM],
  ['GET', '/userinfo'],
  ['POST', '/userinfo', '', FORM],
  ['POST', '/reg', '{}', 'application/json'],
  ['GET', '/reg/web'],
  ['GET', '/metrics'],
  ['GET', '/api/v1/users/me'],
  ['PATCH', '/api/v1/users/me', '{}', 'application/merge-patch+json'],
  ['GET', '/api/v1/admin/users'],
]

const clients = [webClient(CONSOLE), publicClient()]
const settings = { METRICS_TOKEN: METRICS, INITIAL_ACCESS_TOKEN: TOKEN }

onEveryStack('advisories O: resources', { settings, overrides: { clients } }, (app) => {
  const send = (method: string, target: string, body = '', headers: Record<string, string | string[]> = {}) =>
    sendRaw(app.issuer, {
      ...{ method, target, headers: { accept: 'application/json', ...headers } },
      ...(method === 'GET' ? {} : { body }),
    })

  /** Refused, at once, and the server goes on. */
  async function expectCheap(
    what: string,
    ask: () => Promise<RawAnswer>,
    statuses?: number[],
  ): Promise<void> {
    const begun = performance.now()
    const answer = await ask()
    const took = performance.now() - begun
    expect(answer.status, `${what}: ${answer.text.slice(0, 200)}`).to.be.within(300, 499)
    if (statuses) expect(answer.status, `${what}: ${answer.text.slice(0, 200)}`).to.be.oneOf(statuses)
    expectNoInsides(answer, what)
    // A machine that does a lot else takes its time; what blows up takes minutes.
    expect(took, what).to.be.below(5_000)
  }

  for (const [method, path, body, type] of ENDPOINTS)
    it(`${method} ${path}: no Authorization header is too odd (GHSA-xmf8-cvqr-rfgj)`, async () => {
      for (const authorization of HEADERS) {
        const more: Record<string, string> = type === undefined ? {} : { 'content-type': type }
        const answer = await send(method, path, body, { ...more, authorization })
        const what = `${path} ${String(authorization).slice(0, 80)}`
        // 200 of /revoke and the like would need a client; nobody is one.
        expect(answer.status, `${what}: ${answer.text.slice(0, 200)}`).to.be.within(400, 499)
        expectNoInsides(answer, what)
      }
    }).timeout(60_000)

  it('long lists of scopes cost nothing much (CVE-2026-4634)', async () => {
    const scopes = (count: number) => Array.from({ length: count }, (_, index) => `s${index}`).join('+')
    const request = `response_type=code&client_id=spa&redirect_uri=${encodeURIComponent(CALLBACK)}&code_challenge=${'x'.repeat(43)}&code_challenge_method=S256`
    const basic = { 'content-type': FORM, authorization: `Basic ${base64(`web:${RP_SECRET}`)}` }
    await expectCheap('/auth', () => send('GET', `/auth?${request}&scope=openid+${scopes(1_500)}`))
    await expectCheap('/auth by form', () =>
      send('POST', '/auth', `${request}&scope=openid+${scopes(7_000)}`, basic),
    )
    for (const path of ['/par', '/token', '/device/auth'])
      await expectCheap(path, () =>
        send('POST', path, `grant_type=client_credentials&scope=${scopes(8_000)}`, basic),
      )
    const same = 'openid+'.repeat(7_000)
    await expectCheap('one scope, many times', () =>
      send('POST', '/token', `grant_type=client_credentials&scope=${same}`, basic),
    )
  }).timeout(60_000)

  it('neither do thousands of parameters, bodies too large, and headers too long', async () => {
    const basic = { 'content-type': FORM, authorization: `Basic ${base64(`web:${RP_SECRET}`)}` }
    const many = Array.from({ length: 6_000 }, (_, index) => `p${index}=1`).join('&')
    const nested = Array.from({ length: 3_000 }, (_, index) => `a[b][${index}]=1`).join('&')
    for (const path of [
      '/token',
      '/par',
      '/introspect',
      '/revoke',
      '/device/auth',
      '/backchannel',
      '/forgot-password',
    ]) {
      for (const [what, body] of Object.entries({ many, nested, same: 'token=x&'.repeat(6_000) }))
        await expectCheap(`${path} ${what}`, () => send('POST', path, body, basic))
      await expectCheap(
        `${path} too large`,
        () => send('POST', path, `x=${'y'.repeat(60_000)}`, basic),
        [413],
      )
    }
    await expectCheap(
      '/reg too large',
      () =>
        send('POST', '/reg', JSON.stringify({ client_name: 'y'.repeat(60_000) }), {
          ...{ 'content-type': 'application/json', authorization: `Bearer ${TOKEN}` },
        }),
      [413],
    )
    await expectCheap('an address too long', () => send('GET', `/auth?x=${'y'.repeat(40_000)}`), [414, 431])
    await expectCheap(
      'a header too long',
      () => send('GET', '/jwks', '', { 'x-long': 'y'.repeat(40_000) }),
      [431],
    )
    await expectCheap(
      'too many cookies',
      () =>
        send('GET', '/auth', '', {
          cookie: Array.from({ length: 3_000 }, (_, index) => `c${index}=1`).join('; '),
        }),
      [400, 431],
    )
  }).timeout(60_000)

  it('nor JSON that is nested deeply, wherever JSON is read', async () => {
    const deep = (open: string, close: string, depth: number) => open.repeat(depth) + close.repeat(depth)
    const texts = [
      deep('[', ']', 10_000),
      deep('{"a":', '}', 5_000).replace('}', '1}'),
      `{"__proto__":${deep('[', ']', 5_000)}}`,
    ]
    const request = `response_type=code&client_id=spa&redirect_uri=${encodeURIComponent(CALLBACK)}&code_challenge=${'x'.repeat(43)}&code_challenge_method=S256&scope=openid`
    const form = { 'content-type': FORM }
    const caller = await newCaller(app, `deep-${app.stack}`, ['owner'])
    for (const text of texts) {
      for (const name of ['claims', 'authorization_details', 'request'])
        await expectCheap(`/par ${name}`, () =>
          send(
            'POST',
            '/par',
            `${request}&client_id=web&${name}=${encodeURIComponent(text.slice(0, 15_000))}`,
            {
              ...form,
              authorization: `Basic ${base64(`web:${RP_SECRET}`)}`,
            },
          ),
        )
      const json = { 'content-type': 'application/json' }
      await expectCheap('/reg', () =>
        send('POST', '/reg', text, { ...json, authorization: `Bearer ${TOKEN}` }),
      )
      for (const [method, path] of [
        ['POST', '/api/v1/admin/clients'],
        ['POST', '/api/v1/admin/users'],
        ['PATCH', '/api/v1/users/me'],
      ] as const)
        await expectCheap(`${method} ${path}`, () =>
          send(method, path, text, {
            ...{ 'content-type': method === 'PATCH' ? 'application/merge-patch+json' : 'application/json' },
            ...{
              authorization: `Bearer ${caller.token}`,
              'if-match': '*',
              'idempotency-key': crypto.randomUUID(),
            },
          }),
        )
    }
    const wide = JSON.stringify({
      redirect_uris: Array.from({ length: 1_500 }, (_, index) => `https://a.example/${index}`),
    })
    await expectCheap('/reg wide', () =>
      send('POST', '/reg', wide, { 'content-type': 'application/json', authorization: `Bearer ${TOKEN}` }),
    )
    expect((await get(`${app.issuer}/health/ready`)).status).to.equal(200)
  }).timeout(60_000)
})

/** Harmless although their shape is that of others that are not: each repetition begins with a character that is nowhere else in it. */
const HARMLESS = new Set([
  String.raw`/^(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)*(:\d{1,5})?$/i`,
  String.raw`/(?:"(?:[^"\\]|\\.)*"|[^,"])+/g`,
  String.raw`/^\s*([A-Za-z][A-Za-z0-9-]*|[0-9]+(?:\.[0-9]+)+)\s*=(.*)$/s`,
  String.raw`/^[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+:$/i`,
  String.raw`/^\s*([\w-]+(?:\.[\w-]+)*)\s*(?:\|\s*(\w+)\s*)?$/`,
])

describe('regular expressions', () => {
  const all = readSourceTree().flatMap((file) =>
    regularExpressionsOf(file).map((literal) => ({ path: file.path, literal })),
  )

  it('cannot be held up by a text that is made for it', () => {
    expect(all.length).to.be.above(200)
    const risky = all.filter(({ literal }) => isRisky(literal) && !HARMLESS.has(literal))
    expect(risky.map(({ path, literal }) => `${path}: ${literal}`)).to.deep.equal([])
  })

  it('are listed as harmless only while they are there', () => {
    const there = new Set(all.map(({ literal }) => literal))
    expect([...HARMLESS].filter((literal) => !there.has(literal))).to.deep.equal([])
  })

  it('would be noticed', () => {
    for (const risky of [
      '/^(a+)+$/',
      '/(\\w*)*x/',
      '/(?:a|b+)*$/',
      '/((ab)*c*)+/',
      '/^(?<x>\\d+)+$/',
      '/.*.*=/',
      '/(a{2,})*/',
    ])
      expect(isRisky(risky), risky).to.equal(true)
    for (const fine of ['/^\\d+$/', '/(ab)+c*/', '/^[a-z]+:[a-z]+$/', '/(?:\\\\.|[^"])*/', '/\\(a+\\)+/'])
      expect(isRisky(fine), fine).to.equal(false)
  })
})
