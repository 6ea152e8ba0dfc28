/**
 * Traces as a collector gets them: what a request waited for, tied to its log lines, with nobody and no secret in it.
 * A collector that is slow, broken or away costs nothing but its spans.
 */
import { expect } from 'chai'
import { SignJWT } from 'jose'
import { OtlpTracing } from '../../src/telemetry/tracing.ts'
import { createPerson } from '../support/people.ts'
import { get, JANE, newAgent, post, signIn } from '../support/protocol.ts'
import { discover, PASSWORD, RP_SECRET, webClient } from '../support/relying-party.ts'
import { readSourceTree } from '../support/source-tree.ts'
import { type RunningApp, STACKS, startApp } from '../support/start-app.ts'
import { type CollectedSpan, startTraceCollector, type TraceCollector } from '../support/trace-collector.ts'

const METRICS = 'a-token-for-the-metrics-of-the-test-0123456789'
const ASSERTION = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
const named = (name: string) => (spans: CollectedSpan[]) => spans.some((span) => span.name === name)

for (const stack of STACKS)
  describe(`traces on ${stack}`, function () {
    this.timeout(60_000)
    let collector: TraceCollector
    let app: RunningApp
    before(async () => {
      collector = await startTraceCollector()
      const caller = webClient({
        client_id: 'caller',
        client_secret: undefined,
        token_endpoint_auth_method: 'private_key_jwt',
        jwks_uri: `${collector.origin}/jwks`,
      })
      app = await startApp({
        stack,
        settings: {
          OTEL_EXPORTER_OTLP_ENDPOINT: `${collector.origin}/`,
          OTEL_SERVICE_NAME: 'the-door',
          OUTBOUND_ALLOW: collector.origin,
          TRUSTED_PROXIES: '192.0.2.1',
          METRICS_TOKEN: METRICS,
        },
        overrides: { clients: [webClient(), caller] },
      })
      await createPerson(app, JANE)
    })
    after(async () => {
      await app?.close()
      await collector?.close()
    })

    it('show what a request waited for, as parts of it', async () => {
      const { tokens } = await signIn(await discover(app.issuer), {
        scope: 'openid offline_access',
        prompt: 'consent',
      })
      const token = await collector.trace(named('POST /token'))
      const request = token.find(({ kind }) => kind === 2) as CollectedSpan
      expect(request).to.deep.include({ name: 'POST /token', parentSpanId: undefined, service: 'the-door' })
      expect(request.attributes).to.include({ 'http.request.method': 'POST', 'http.route': '/token' })
      expect(Number(request.attributes['http.response.status_code'])).to.equal(200)
      const engine = token.find(({ name }) => name === 'engine token')
      expect(engine?.parentSpanId).to.equal(request.spanId)
      expect(token.some(({ name }) => name === 'database load')).to.equal(true)
      expect(token.find(({ name }) => name === 'database unit commit')?.parentSpanId).to.equal(request.spanId)
      const ids = new Set(token.map(({ spanId }) => spanId))
      for (const { parentSpanId } of token.filter((span) => span !== request))
        expect(ids.has(parentSpanId ?? '')).to.equal(true)

      const signedIn = await collector.trace(named('hashing verify'))
      expect(signedIn.find(({ kind }) => kind === 2)?.name).to.equal('POST /interaction/…')
      expect(signedIn.some(({ name }) => /^database (users|people)/.test(name))).to.equal(true)
      if (stack === 'postgres+redis')
        expect(signedIn.some(({ name }) => name.startsWith('redis '))).to.equal(true)

      const line = app.logs.find(({ msg, path }) => msg === 'request' && path === '/token')
      expect(line).to.include({
        trace_id: request.traceId,
        requestId: request.attributes['ostiary.request_id'],
      })

      const sent = collector.bodies.join('')
      const secrets = [
        JANE.email,
        PASSWORD,
        RP_SECRET,
        tokens.access_token,
        tokens.refresh_token,
        tokens.id_token,
      ]
      for (const secret of [...secrets, 'usr_', 'code=', 'redirect_uri', 'openid offline'])
        expect(sent, String(secret)).to.not.include(secret)
      expect(sent).to.not.match(/user_agent|client\.address|127\.0\.0\.1:\d+\/|url\.(path|query|full)/)
    })

    it('take calls to others and mails in, and are told to nobody outside', async () => {
      const assertion = await new SignJWT({ jti: crypto.randomUUID() })
        .setProtectedHeader({ alg: 'ES256', kid: 'unknown' })
        .setIssuer('caller')
        .setSubject('caller')
        .setAudience(app.issuer)
        .setIssuedAt()
        .setExpirationTime('1m')
        .sign(
          (await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign']))
            .privateKey,
        )
      const form = {
        grant_type: 'client_credentials',
        client_assertion_type: ASSERTION,
        client_assertion: assertion,
      }
      expect((await post(`${app.issuer}/token`, form)).status).to.equal(401)
      const spans = await collector.trace(named('outbound fetch'))
      const call = spans.find(({ name }) => name === 'outbound fetch')
      expect(call?.attributes).to.deep.equal({ 'server.address': '127.0.0.1' })
      expect(spans.find(({ name }) => name === 'engine token')?.attributes).to.include({
        'ostiary.outcome': 'invalid_client',
      })
      expect(collector.others.get('/jwks')).to.not.have.any.keys('traceparent', 'tracestate', 'baggage')
      const agent = newAgent()
      const page = await agent.get(`${app.issuer}/forgot-password`)
      await agent.submit(page, { email: JANE.email }, '/forgot-password')
      await app.nextMail(JANE.email)
      await collector.trace(named('mail send'))
      expect(collector.bodies.join('')).to.not.include(JANE.email)
    })

    it('are joined to none that a stranger names', async () => {
      const theirs = 'a'.repeat(32)
      const { headers } = await get(`${app.issuer}/jwks`, {
        headers: { traceparent: `00-${theirs}-${'b'.repeat(16)}-01` },
      })
      const id = headers.get('x-request-id')
      const mine = await collector.trace((all) =>
        all.some(({ attributes }) => attributes['ostiary.request_id'] === id),
      )
      expect(mine[0]?.traceId).to.not.equal(theirs)
      expect(mine.find(({ kind }) => kind === 2)?.parentSpanId).to.equal(undefined)
    })

    it('do not hold anything up or break it while nobody takes them, and are counted', async () => {
      const lost = async () => {
        const { text } = await get(`${app.issuer}/metrics`, { bearer: METRICS })
        return Number(/^ostiary_trace_spans_lost_total\{.*reason="collector".*\} (\d+)$/m.exec(text)?.[1])
      }
      expect(await lost()).to.equal(0)
      try {
        collector.manner = 'hang'
        const begun = performance.now()
        await signIn(await discover(app.issuer))
        expect((await get(`${app.issuer}/jwks`)).status).to.equal(200)
        expect(performance.now() - begun).to.be.below(15_000)
        for (let tries = 0; tries < 300 && (await lost()) === 0; tries += 1)
          await new Promise((resolve) => setTimeout(resolve, 50))
        expect(await lost()).to.be.above(0)
      } finally {
        collector.manner = 'take'
      }
    })
  })

describe('traces behind a proxy', function () {
  this.timeout(60_000)
  it('go on in the trace of a proxy that is trusted, and arrive before the end', async () => {
    const collector = await startTraceCollector()
    const app = await startApp({
      settings: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.origin, TRUSTED_PROXIES: '127.0.0.1,::1' },
    })
    const theirs = 'c'.repeat(32)
    const span = 'd'.repeat(16)
    await get(`${app.issuer}/jwks`, { headers: { traceparent: `00-${theirs}-${span}-01` } })
    await get(`${app.issuer}/jwks`, { headers: { traceparent: `00-${'e'.repeat(32)}-${span}-00` } })
    for (const broken of ['00-x-y-01', `00-${'0'.repeat(32)}-${span}-01`, 'x'.repeat(5000)])
      await get(`${app.issuer}/jwks`, { headers: { traceparent: broken } })
    await app.close()
    const requests = collector.spans.filter(({ kind }) => kind === 2)
    expect(requests.map(({ parentSpanId }) => parentSpanId)).to.deep.equal([
      span,
      undefined,
      undefined,
      undefined,
    ])
    expect(requests[0]?.traceId).to.equal(theirs)
    expect(collector.bodies.join(''), 'one that is not kept there is not kept here').to.not.include('eeee')
    await collector.close()
  })

  it('do not hold up a stop', async () => {
    const collector = await startTraceCollector()
    collector.manner = 'hang'
    const app = await startApp({ settings: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.origin } })
    await get(`${app.issuer}/jwks`)
    const begun = performance.now()
    await app.close()
    expect(performance.now() - begun).to.be.below(8_000)
    await collector.close()
  })
})

describe('the queue of traces', () => {
  it('has an end: what does not fit is dropped at once and counted', async () => {
    const collector = await startTraceCollector()
    collector.manner = 'hang'
    const lost = { full: 0, collector: 0 }
    const tracing = new OtlpTracing({
      ...{ endpoint: collector.origin, serviceName: 'full', version: '0', share: 1 },
      lost: (count, reason) => {
        lost[reason] += count
      },
    })
    for (let index = 0; index < 6_000; index += 1)
      await tracing.within({ name: 'work', kind: 'internal', attributes: {} }, async () => index)
    expect(lost.full).to.be.within(1_500, 2_500)
    collector.manner = 'take'
    await tracing.close()
    await collector.close()
  }).timeout(30_000)

  it('does not exist where no collector is configured: the packages are not even loaded', async () => {
    const loading = readSourceTree().filter(({ imports }) =>
      imports.some(({ target }) => target === 'telemetry/tracing.ts'),
    )
    expect(loading.map(({ path }) => path)).to.deep.equal(['app-telemetry.ts'])
    expect(loading[0]?.code).to.match(
      /if \(!tracing\) return undefined\s+const \{ OtlpTracing \} = await import\(/,
    )
  })
})
