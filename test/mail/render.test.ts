import path from 'node:path'
import { expect } from 'chai'
import { createMailRenderer, type MailData, type MailTemplate } from '../../src/mail/render.ts'

const renderer = createMailRenderer({
  viewsDir: path.join(import.meta.dirname, '../../views'),
  brandName: 'Ostiary',
  issuer: 'https://login.example.com',
  strict: true,
})
const facts = { email: 'ada@example.com', when: '2026-08-24T10:12:00Z' }
const link = 'https://login.example.com/verify?token=abc&x=1'
const forgotUrl = 'https://login.example.com/forgot-password'
const mails: MailData = {
  'verify-email': { ...facts, link, code: '418204', minutesValid: 15 },
  'account-exists': { ...facts, signInUrl: 'https://login.example.com/', forgotUrl },
  'reset-password': { ...facts, link, minutesValid: 1 },
  approval: { ...facts, link, app: 'Kitchen TV', minutesValid: 5 },
  invitation: { ...facts, link, minutesValid: 1440 },
  'password-required': { ...facts, link, minutesValid: 1440 },
  'account-deletion': { ...facts, daysLeft: 7 },
  'password-changed': { ...facts, forgotUrl, ip: '192.0.2.44', userAgent: '<b>Firefox</b>\r\nBcc: all' },
}

describe('mails', () => {
  for (const name of Object.keys(mails) as MailTemplate[]) {
    it(`${name}: subject, text and HTML are whole`, () => {
      const { subject, text, html } = renderer.render(name, mails[name])
      expect(subject).to.match(/^\S[^\r\n]*\S$/)
      for (const body of [text, html]) {
        expect(body).to.contain('https://login.example.com').and.to.contain('August 24, 2026')
        expect(body).not.to.match(/undefined|\[object Object\]/)
      }
      expect(text).not.to.match(/&amp;|<\/?[a-z]+[ >]+style/)
      expect(html, 'nothing from the network').not.to.match(/<img|<link|url\(|@import/)
    })
  }

  it('carries the code and the link in both bodies, each escaped for its place', () => {
    const { subject, text, html } = renderer.render('verify-email', mails['verify-email'])
    expect(subject).to.contain('418 204')
    expect(text).to.contain('418 204').and.to.contain(link)
    expect(html).to.contain('418 204').and.to.contain(link.replace('&', '&amp;'))
  })

  it('keeps what others wrote on one line and inert', () => {
    const { text, html } = renderer.render('password-changed', mails['password-changed'])
    expect(text).to.contain('Device: <b>Firefox</b> Bcc: all\n')
    expect(html).to.contain('&lt;b&gt;Firefox&lt;/b&gt;').and.not.to.contain('<b>Firefox')
  })

  it('names the app, but not one whose name advertises an address', () => {
    const named = (app: string) => renderer.render('verify-email', { ...mails['verify-email'], app }).text
    expect(named('Photo Album')).to.contain('App: Photo Album')
    for (const app of ['Win at https://evil.example', 'visit evil.com', 'www.x', 'mail me@x']) {
      expect(named(app)).not.to.contain('App:')
    }
  })
})
