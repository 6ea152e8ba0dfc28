/** Odd paths, hosts and targets: nobody is sent to another host, nothing fails, every page refuses to be framed. */
import { expect } from 'chai'
import { sendRaw } from '../support/raw-http.ts'
import { type RunningApp, startApp } from '../support/start-app.ts'

const ENDS = [
  '//evil.example/',
  '/\\evil.example',
  '///evil.example/',
  '/%2f%2fevil.example',
  '/%5cevil.example',
  '/.//evil.example',
  '/..//evil.example',
  '/;@evil.example',
  '/%0d%0aLocation:%20https://evil.example',
  '/%09/evil.example',
]
const BEGINNINGS = [
  '',
  '/interaction',
  '/interaction/aaaaaaaaaaaaaaaaaaaa',
  '/interaction/%2f%2fevil.example/x',
  '/setup',
  '/verify-email',
  '/reset-password',
  '/mailbox',
  '/auth',
  '/session/end',
  '/session',
  '/assets',
  '/forgot-password?flow=',
  '/.well-known',
]

describe('odd addresses', () => {
  let running: RunningApp
  before(async () => {
    running = await startApp({})
  })
  after(() => running.close())

  for (const method of ['GET', 'POST'])
    it(`lead nowhere else by ${method}`, async () => {
      const { host, port } = new URL(running.issuer)
      const targets = BEGINNINGS.flatMap((beginning) => ENDS.map((end) => beginning + end))
      for (const target of [
        ...targets,
        'http://evil.example/',
        '*',
        '@evil.example/',
        `${running.issuer}//evil.example/`,
      ])
        for (const asked of [host, `127.0.0.1:${port}`, 'evil.example']) {
          const answer = await sendRaw(running.issuer, {
            method,
            target,
            headers: { host: asked, 'content-length': '0' },
          })
          const said = `${method} ${target} (${asked}): ${answer.status} ${answer.headers.location ?? ''}`
          expect(answer.status, said).to.be.below(500)
          if (answer.headers.location)
            expect(answer.headers.location, said).to.match(
              new RegExp(`^(/(?![/\\\\])|http://${host}(/|\\*))`),
            )
          if (!answer.text.includes('<html')) continue
          expect(answer.headers['content-security-policy'], said).to.include("frame-ancestors 'none'")
          expect(answer.headers['x-frame-options'], said).to.equal('DENY')
        }
    })
})
