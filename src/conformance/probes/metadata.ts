/** What a deployment says of itself: discovery document and keys. */
import { must, type Probe } from '../probe.ts'
import type { Target } from '../target.ts'

const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]'])
const ELSEWHERE = { origin: 'https://conformance.invalid' }

const listOf = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : [])
const shown = (value: unknown) => JSON.stringify(value) ?? 'nothing'

interface Key {
  kty?: string
  kid?: string
  alg?: string
  n?: string
}

async function keysOf(target: Target): Promise<Key[]> {
  const { json, status } = await target.get(await target.endpoint('jwks_uri'))
  must(Array.isArray(json?.keys), `the key set was answered with ${status} and holds no keys`)
  return json.keys as Key[]
}

async function algorithms(target: Target): Promise<string[]> {
  const members = Object.entries(await target.metadata())
  return members.flatMap(([name, value]) => (/_alg_values_supported$/.test(name) ? listOf(value) : []))
}

export const metadata: readonly Probe[] = [
  {
    name: 'discovery',
    section: 'OpenID Connect Discovery 1.0, 4.2',
    title: 'serves its discovery document as JSON',
    remedy: 'look whether the proxy passes /.well-known on, unchanged',
    async run(target) {
      const { status, headers } = await target.get(target.wellKnown())
      const type = headers.get('content-type') ?? 'no type'
      must(status === 200 && /^application\/json(;|$)/.test(type), `answered with ${status} and ${type}`)
    },
  },
  {
    name: 'discovery-issuer',
    section: 'OpenID Connect Discovery 1.0, 4.3',
    title: 'names as issuer exactly what it was asked under',
    remedy: 'set the issuer (here ISSUER) to the address that apps use, letter by letter',
    async run(target) {
      const { issuer } = await target.metadata()
      must(issuer === target.issuer, `it names ${shown(issuer)}`)
    },
  },
  {
    name: 'discovery-members',
    section: 'OpenID Connect Discovery 1.0, 3',
    title: 'has every member that is required',
    remedy: 'complete the document: apps refuse to start without these members',
    async run(target) {
      const document = await target.metadata()
      const required = [
        ...['issuer', 'authorization_endpoint', 'token_endpoint', 'jwks_uri', 'response_types_supported'],
        ...['subject_types_supported', 'id_token_signing_alg_values_supported'],
      ]
      const missing = required.filter((name) => document[name] === undefined)
      must(missing.length === 0, `it lacks ${missing.join(', ')}`)
    },
  },
  {
    name: 'https',
    section: 'OpenID Connect Core 1.0, 16.17',
    title: 'is served by https',
    remedy: 'put TLS in front, and let the issuer begin with https',
    async run(target) {
      const { protocol, hostname } = new URL(target.issuer)
      must(protocol === 'https:' || LOOPBACK.has(hostname), `the issuer begins with ${protocol}//`)
    },
  },
  {
    name: 'no-implicit',
    section: 'RFC 9700, 2.1.2',
    title: 'announces no response type that puts tokens into addresses',
    remedy: 'switch the implicit and hybrid flows off',
    async run(target) {
      const types = listOf((await target.metadata()).response_types_supported)
      const bad = types.filter((type) => /\btoken\b|id_token/.test(type))
      must(types.includes('code') && bad.length === 0, `it announces ${shown(types)}`)
    },
  },
  {
    name: 'no-password-grant',
    section: 'RFC 9700, 2.4',
    title: 'announces neither the password grant nor the implicit one',
    remedy: 'switch these grant types off',
    async run(target) {
      const types = listOf((await target.metadata()).grant_types_supported)
      must(!types.includes('password') && !types.includes('implicit'), `it announces ${shown(types)}`)
    },
  },
  {
    name: 'algorithms',
    section: 'RFC 8725, 3.1 and 3.2',
    title: 'announces neither unsigned tokens nor RSA1_5',
    remedy: 'take these algorithms out of what the provider accepts and makes',
    async run(target) {
      const bad = (await algorithms(target)).filter((alg) => alg === 'none' || alg === 'RSA1_5')
      must(bad.length === 0, `it announces ${[...new Set(bad)].join(', ')}`)
    },
  },
  {
    name: 'pkce-announced',
    section: 'RFC 9700, 2.1.1',
    title: 'announces PKCE with S256 and without plain',
    remedy: 'offer S256 and nothing else',
    async run(target) {
      const methods = listOf((await target.metadata()).code_challenge_methods_supported)
      must(methods.includes('S256') && !methods.includes('plain'), `it announces ${shown(methods)}`)
    },
  },
  {
    name: 'iss-announced',
    section: 'RFC 9207, 3',
    title: 'announces that it names itself in authorization responses',
    remedy: 'switch the iss parameter on: it tells apps of several providers whose answer they hold',
    async run(target) {
      const said = (await target.metadata()).authorization_response_iss_parameter_supported
      must(said === true, `authorization_response_iss_parameter_supported is ${shown(said)}`)
    },
  },
  {
    name: 'metadata-cors',
    section: 'RFC 8414, 3.1',
    title: 'lets browser apps of every origin read document and keys',
    remedy: 'look whether the proxy takes Access-Control-Allow-Origin away',
    async run(target) {
      for (const url of [target.wellKnown(), await target.endpoint('jwks_uri')]) {
        const { headers } = await target.get(url, ELSEWHERE)
        const allowed = headers.get('access-control-allow-origin')
        must(allowed === '*' || allowed === ELSEWHERE.origin, `${url}: ${shown(allowed)}`)
      }
    },
  },
  {
    name: 'keys-public',
    section: 'RFC 7517, 9.2',
    title: 'publishes no private part of a key, and no secret',
    remedy: 'take these keys out of use at once: whoever read them can sign as this provider',
    async run(target) {
      const secret = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k']
      const bad = (await keysOf(target)).filter((key) => secret.some((name) => name in key))
      must(bad.length === 0, `private: ${bad.map(({ kid }) => kid ?? 'a key without kid').join(', ')}`)
    },
  },
  {
    name: 'keys-named',
    section: 'OpenID Connect Core 1.0, 10.1',
    title: 'gives each key a kid of its own',
    remedy: 'name the keys: without that a rotation breaks apps',
    async run(target) {
      const kids = (await keysOf(target)).map(({ kid }) => kid)
      const isNamed = kids.length > 0 && kids.every((kid) => typeof kid === 'string' && kid !== '')
      must(isNamed && new Set(kids).size === kids.length, `the kids are ${shown(kids)}`)
    },
  },
  {
    name: 'keys-strong',
    section: 'RFC 7518, 3.3',
    title: 'has no RSA key of fewer than 2048 bits',
    remedy: 'rotate to a longer key',
    async run(target) {
      const rsa = (await keysOf(target)).filter(({ kty }) => kty === 'RSA')
      const bits = rsa.map(({ n }) => Buffer.from(n ?? '', 'base64url').length * 8)
      must(
        bits.every((size) => size >= 2048),
        `the keys have ${bits.join(', ')} bits`,
      )
    },
  },
  {
    name: 'keys-cached-briefly',
    section: 'OpenID Connect Core 1.0, 10.1.1',
    title: 'lets nobody keep the keys for longer than a day, so that a rotation arrives',
    remedy: 'shorten max-age of the key set, in the proxy too',
    async run(target) {
      const { headers } = await target.get(await target.endpoint('jwks_uri'))
      const control = headers.get('cache-control') ?? ''
      const age = Number(/max-age=(\d+)/.exec(control)?.[1] ?? 0)
      must(age <= 86_400, `Cache-Control is ${shown(control)}`)
    },
  },
]
