/** OpenID Connect Front-Channel Logout 1.0: the apps of a session are opened in frames of the page that signs out. */
import { expect } from 'chai'
import { check } from '../harness/check.ts'
import { accepts, header, metadata, page } from '../harness/mutations.ts'
import type { Op } from '../harness/op.ts'
import { FRAME, FRAMED, SIGNED_OUT, WEB } from '../harness/parties.ts'
import { register } from './dynamic.ts'

const framesOf = (text: string) =>
  [...text.matchAll(/<iframe\b[^>]*src="([^"]+)"/g)].map(
    ([, src = '']) => new URL(src.replaceAll('&amp;', '&')),
  )

/** Signs in to the app that listens in a frame, and out again; the page that does it. */
async function leave(op: Op, more: Record<string, string> = {}) {
  const { claims, agent } = await op.signIn(FRAMED, {}, op.browser())
  const done = await op.signOut(agent, { client_id: FRAMED.id, ...more })
  const [frame] = framesOf(done.text)
  return { claims, agent, done, frame }
}

export const frontchannelLogout = [
  check(
    'frontchannel-announced',
    'OpenID Connect Front-Channel Logout 1.0, 3',
    'announces front-channel logout, with sessions',
    async (op) => {
      const { json: it } = await op.get('/.well-known/openid-configuration')
      expect([it.frontchannel_logout_supported, it.frontchannel_logout_session_supported]).to.deep.equal([
        true,
        true,
      ])
    },
    metadata('says nothing', (it) => delete it.frontchannel_logout_session_supported),
  ),
  check(
    'frontchannel-frame',
    'OpenID Connect Front-Channel Logout 1.0, 2',
    'opens the app’s address in a frame',
    async (op) => {
      const { frame } = await leave(op)
      expect(frame && frame.origin + frame.pathname).to.equal(FRAME)
    },
    page('opens none', (html) => html.replaceAll('<iframe', '<span')),
  ),
  check(
    'frontchannel-session',
    'OpenID Connect Front-Channel Logout 1.0, 3',
    'names itself and the session there, as the ID token did',
    async (op) => {
      const { frame, claims } = await leave(op)
      expect(claims.sid).to.be.a('string')
      expect(Object.fromEntries(frame?.searchParams ?? [])).to.deep.equal({ iss: op.issuer, sid: claims.sid })
    },
    page('names another session', (html) => html.replace(/sid=[^"&]*/, 'sid=another')),
    page('does not name itself', (html) => html.replace(/iss=[^"&]*&(amp;)?/, '')),
  ),
  check(
    'frontchannel-only-its-apps',
    'OpenID Connect Front-Channel Logout 1.0, 2',
    'opens no app that is not of this session',
    async (op) => {
      const done = await op.signOut(await op.newSession(WEB))
      expect(done.text).to.include('class="view-logout-done"')
      expect(framesOf(done.text)).to.deep.equal([])
    },
    page('opens others', (html) => html.replace('</body>', `<iframe src="${FRAME}"></iframe></body>`)),
  ),
  check(
    'frontchannel-frames-pinned',
    'OpenID Connect Front-Channel Logout 1.0, 4',
    'lets the page frame these apps and no others, and nobody frame the page',
    async (op) => {
      const policy = (await leave(op)).done.headers.get('content-security-policy') ?? ''
      expect(/frame-src ([^;]*)/.exec(policy)?.[1]).to.equal(new URL(FRAME).origin)
      expect(policy).to.include("frame-ancestors 'none'")
    },
    header('/session/end', 'content-security-policy', "frame-src *; frame-ancestors 'none'"),
    header('/session/end', 'content-security-policy', 'frame-src http://localhost:9'),
  ),
  check(
    'frontchannel-goes-on',
    'OpenID Connect RP-Initiated Logout 1.0, 3',
    'leads on to where the app wanted the person, when the frames had their time',
    async (op) => {
      const { done } = await leave(op, { post_logout_redirect_uri: SIGNED_OUT, state: 'x' })
      expect(done.headers.get('refresh')).to.match(/^\d;/).and.to.include(`${SIGNED_OUT}?state=x`)
    },
    header('/session/end', 'refresh'),
    header('/session/end', 'refresh', '3;url=https://evil.example/'),
  ),
  check(
    'frontchannel-ends-session',
    'OpenID Connect Front-Channel Logout 1.0, 2',
    'has signed the person out, whatever becomes of the frames',
    async (op) => {
      const { agent } = await leave(op)
      expect((await op.ask(FRAMED, { prompt: 'none' }, agent)).params.error).to.equal('login_required')
    },
    accepts('/auth'),
  ),
  check(
    'frontchannel-foreign-address',
    'OpenID Connect Front-Channel Logout 1.0, 2',
    'registers no address for that on a host that none of the app’s own is on',
    async (op) => {
      const { status, json: body } = await register(op, {
        frontchannel_logout_uri: 'https://other.example/out',
      })
      expect([status, body.error]).to.deep.equal([400, 'invalid_client_metadata'])
    },
    accepts('/reg'),
  ),
]
