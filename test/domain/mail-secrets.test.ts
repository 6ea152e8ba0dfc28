import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import { Keyring } from '../../src/crypto/keyring.ts'
import { secureRandom } from '../../src/crypto/random.ts'
import { codeOf, linkToken, proofIdOf, sameSecret, tidyCode } from '../../src/domain/email/secrets.ts'

const keyed = new Keyring(randomBytes(32))
const ids = Array.from({ length: 2000 }, () => secureRandom.id('prf'))

describe('the secrets of a mail', () => {
  it('are derived: the same for the same proof and key, others for others', () => {
    const other = new Keyring(randomBytes(32))
    const [id = '', next = ''] = ids
    expect(codeOf(keyed, id)).to.equal(codeOf(keyed, id))
    expect(linkToken(keyed, id)).to.equal(linkToken(keyed, id))
    expect(linkToken(other, id)).to.not.equal(linkToken(keyed, id))
    expect(linkToken(keyed, next)).to.not.equal(linkToken(keyed, id))
    expect(ids.filter((one) => codeOf(other, one) === codeOf(keyed, one)).length).to.be.below(10)
  })

  it('codes are six digits, leading zeros kept, spread evenly', () => {
    const codes = ids.map((id) => codeOf(keyed, id))
    for (const code of codes) expect(code).to.match(/^\d{6}$/)
    expect(new Set(codes).size).to.be.above(1980)
    for (let place = 0; place < 6; place += 1)
      for (let digit = 0; digit < 10; digit += 1) {
        const share = codes.filter((code) => code[place] === String(digit)).length
        // 200 expected; 6 standard deviations are 80
        expect(share, `digit ${digit} at ${place}`).to.be.within(120, 280)
      }
  })

  it('codes are read as people paste them, and nothing else is a code', () => {
    for (const typed of [
      '123456',
      '123 456',
      ' 123456 ',
      '123-456',
      '1 2 3 4 5 6',
      '123\u00a0456',
      '12\t3456\n',
    ])
      expect(tidyCode(typed), JSON.stringify(typed)).to.equal('123456')
    for (const typed of [
      '',
      '12345',
      '1234567',
      '12345a',
      '１２３４５６',
      '١٢٣٤٥٦',
      '123.456',
      '+12345',
      '0x1234',
      '1e5000',
      '123456\u0000',
    ])
      expect(tidyCode(typed), JSON.stringify(typed)).to.equal(undefined)
  })

  it('a link’s token names its proof, and any change to it names none', () => {
    for (const id of ids.slice(0, 20)) expect(proofIdOf(keyed, linkToken(keyed, id))).to.equal(id)
    const [id = '', next = ''] = ids
    const token = linkToken(keyed, id)
    expect(token, 'fits a path as it is').to.match(/^[\w.-]+$/)
    for (let at = 0; at < token.length; at += 1) {
      const changed = token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1)
      expect(proofIdOf(keyed, changed), `character ${at}`).to.equal(undefined)
    }
    const mac = token.slice(token.lastIndexOf('.') + 1)
    for (const forged of [
      '',
      '.',
      id,
      `${id}.`,
      `.${mac}`,
      `${next}.${mac}`,
      token.slice(0, -1),
      `${token}=`,
      `${token} `,
      `${token}.`,
      `${token}.${mac}`,
      token.toUpperCase(),
      `${id}.${Buffer.from(mac, 'base64url').toString('base64')}`,
      `${id}.${Buffer.from(mac, 'base64url').toString('hex')}`,
      linkToken(new Keyring(randomBytes(32)), id),
      'x'.repeat(100_000),
    ])
      expect(proofIdOf(keyed, forged), forged.slice(0, 60)).to.equal(undefined)
  })

  it('a code says nothing about the link, nor the other way round', () => {
    const [id = ''] = ids
    expect(linkToken(keyed, id)).to.not.include(codeOf(keyed, id))
    expect(keyed.digest('mail-code', id).equals(keyed.digest('mail-link', id))).to.equal(false)
    expect(keyed.digest('mail-link', id).equals(keyed.digest('form-token', id))).to.equal(false)
  })

  it('are compared whole', () => {
    expect(sameSecret(keyed, '123456', '123456')).to.equal(true)
    for (const other of ['', '12345', '1234567', '123456 ', '123457', '123456\0'])
      expect(sameSecret(keyed, '123456', other)).to.equal(false)
  })
})
