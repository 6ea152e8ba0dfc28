import { expect } from 'chai'
import {
  emailKey,
  emailProblem,
  looksLikeEmail,
  usernameKey,
  usernameProblem,
} from '../../src/domain/users/identifiers.ts'

describe('e-mail addresses', () => {
  it('of the usual and the unusual kind are fine', () => {
    for (const email of [
      'a@b.co',
      'Jane.Doe+tag@Example.ORG',
      "o'brien@example.org",
      'x_y-z!#$%&*/=?^`{|}~@example.org',
      'jürgen@example.org',
      'δοκιμή@παράδειγμα.δοκιμή',
      '用户@例子.广告',
      'user@xn--bcher-kva.example',
      'user@sub.sub.sub.example.org',
      '1@2.34',
      `${'a'.repeat(64)}@example.org`,
      '  padded@example.org  ',
    ])
      expect(emailProblem(email), email).to.equal(undefined)
  })

  it('that are none are refused', () => {
    for (const email of [
      'jane',
      '@example.org',
      'jane@',
      'jane@localhost',
      'jane@@example.org',
      'jane@exa mple.org',
      'ja ne@example.org',
      'jane@example..org',
      'jane@.example.org',
      'jane@example.org.',
      'jane@-example.org',
      'jane@example-.org',
      'jane@[127.0.0.1]',
      '"jane doe"@example.org',
      'jane@example.org\u0000',
      'jane\u0000@example.org',
      'jane@example.org\r\nBcc: all@example.org',
      'jane@example.org,joe@example.org',
      'Jane <jane@example.org>',
      'jane@exam_ple.org',
      'jane\u200b@example.org',
      'jane\u202e@example.org',
      'jane\u00a0@example.org',
      `jane@${'a'.repeat(64)}.org`,
    ])
      expect(emailProblem(email), JSON.stringify(email)).to.equal('invalid_email')
    expect(emailProblem('')).to.equal('required')
    expect(emailProblem('   ')).to.equal('required')
  })

  it('that change under compatibility normalisation are refused: checked as one, mailed as another', () => {
    for (const email of [
      'ｊane@example.org',
      'jane＠example.org',
      'jane@ｅxample.org',
      'jane@example。org',
      'ja\u212ae@example.org',
      'jane@exam\ufb01sh.org',
      'jane\u2024doe@example.org',
      'jose\u0301@example.org',
      '①@example.org',
    ])
      expect(emailProblem(email), email).to.equal('invalid_email')
  })

  it('longer than 254 octets are refused, counted in octets', () => {
    const of = (length: number, letter: string) => {
      const domain = `@${'a'.repeat(60)}.${'b'.repeat(60)}.example.org`
      return letter.repeat(Math.floor((length - domain.length) / Buffer.byteLength(letter))) + domain
    }
    expect(emailProblem(of(254, 'x'))).to.equal(undefined)
    expect(emailProblem(of(255, 'x'))).to.equal('email_too_long')
    expect(of(260, 'é').length).to.be.below(254)
    expect(emailProblem(of(260, 'é'))).to.equal('email_too_long')
    expect(emailProblem('x'.repeat(1_000_000))).to.equal('email_too_long')
  })

  it('are one whatever the case, the spaces around and the spelling of the same characters', () => {
    const key = emailKey('jane@example.org')
    for (const same of [
      'JANE@EXAMPLE.ORG',
      ' Jane@Example.org ',
      'ｊａｎｅ@example.org',
      '\tjane@example.org\n',
    ])
      expect(emailKey(same), same).to.equal(key)
    expect(emailKey('JOSÉ@example.org')).to.equal(emailKey('jose\u0301@example.org'))
    // others: a dot, a tag and a look-alike letter are different mailboxes
    for (const other of ['j.ane@example.org', 'jane+x@example.org', 'jаne@example.org', 'jane@example.com'])
      expect(emailKey(other), other).to.not.equal(key)
  })

  it('have keys that are their own keys', () => {
    for (const email of [
      'İstanbul@example.org',
      'STRASSE@example.org',
      'straße@example.org',
      'ΣΑΣ@example.org',
      'ǅ@x.org',
    ])
      expect(emailKey(emailKey(email)), email).to.equal(emailKey(email))
  })

  it('are judged in time that does not grow beyond the input', () => {
    const before = performance.now()
    for (const evil of [
      `a@${'a.'.repeat(120)}`,
      `${'a'.repeat(240)}@`,
      `a@${'a-'.repeat(120)}`,
      `a@${'a'.repeat(250)}`,
      `${'.'.repeat(200)}@${'-'.repeat(40)}`,
    ])
      for (let times = 0; times < 200; times += 1) emailProblem(evil)
    expect(performance.now() - before).to.be.below(1000)
  })
})

describe('usernames', () => {
  it('are 3 to 32 plain letters, digits, and dots, dashes, underscores inside', () => {
    for (const fine of ['abc', 'Jane', 'jane.doe', 'j-d_e.f', '007', 'a'.repeat(32), '  jane  '])
      expect(usernameProblem(fine), fine).to.equal(undefined)
    for (const wrong of [
      '',
      'ab',
      'a'.repeat(33),
      '.jane',
      'jane.',
      '-jane',
      'jane_',
      'ja ne',
      'jane@doe',
      'jürgen',
      'jаne',
      'ｊane',
      'jane\u0000',
      'jane\n.x',
      '...',
      '<b>',
      "o'brien",
    ])
      expect(usernameProblem(wrong), JSON.stringify(wrong)).to.equal('username_format')
  })

  it('are one whatever the case', () => {
    expect(usernameKey(' JANE.Doe ')).to.equal(usernameKey('jane.doe'))
    expect(usernameKey('ｊane')).to.equal('jane')
    expect(usernameKey('jane-doe')).to.not.equal(usernameKey('jane.doe'))
  })

  it('are never taken for an address', () => {
    expect(looksLikeEmail('jane')).to.equal(false)
    expect(looksLikeEmail('jane@example.org')).to.equal(true)
    // fullwidth: a username look-up that finds nothing, because no username holds an @
    expect(looksLikeEmail('jane＠example.org')).to.equal(false)
    expect(usernameProblem(usernameKey('jane＠example.org'))).to.equal('username_format')
  })
})
