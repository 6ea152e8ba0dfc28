import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import { Keyring } from '../../src/crypto/keyring.ts'
import { secureRandom } from '../../src/crypto/random.ts'
import {
  type KnownAccount,
  MAX_KNOWN_ACCOUNTS,
  readDevices,
  rememberDevice,
  writeDevices,
} from '../../src/domain/sign-in/device.ts'

describe('the device cookie', () => {
  const keyed = new Keyring(randomBytes(32))
  const signInAs = (known: KnownAccount[], userId: string) =>
    readDevices(keyed, rememberDevice(keyed, secureRandom, known, userId, 'the-credential-of-a-password'))

  it('remembers who signed in, the latest first, each with a device id that stays', () => {
    let known = signInAs([], 'usr_a')
    const { deviceId } = known[0] as KnownAccount
    known = signInAs(known, 'usr_b')
    expect(known.map(({ userId }) => userId)).to.deep.equal(['usr_b', 'usr_a'])
    known = signInAs(known, 'usr_a')
    expect(known.map(({ userId }) => userId)).to.deep.equal(['usr_a', 'usr_b'])
    expect(known[0]?.deviceId).to.equal(deviceId)
    expect(known[1]?.deviceId).to.not.equal(deviceId)
  })

  it(`remembers ${MAX_KNOWN_ACCOUNTS} and forgets the oldest`, () => {
    let known: KnownAccount[] = []
    for (const letter of 'abcdefgh') known = signInAs(known, `usr_${letter}`)
    expect(known.map(({ userId }) => userId)).to.deep.equal(['usr_h', 'usr_g', 'usr_f', 'usr_e', 'usr_d'])
    const cookie = writeDevices(keyed, known)
    expect(cookie.length, 'fits a cookie').to.be.below(2048)
    expect(cookie, 'and needs no quoting').to.match(/^[\w.|-]+$/)
  })

  it('believes nothing that it did not write', () => {
    const known = signInAs([], 'usr_a')
    const cookie = writeDevices(keyed, known)
    const [userId = '', deviceId = '', mac = ''] = cookie.split('.')
    for (const forged of [
      `usr_b.${deviceId}.${mac}`,
      `${userId}.other.${mac}`,
      `${userId}.${deviceId}.`,
      `${userId}.${deviceId}`,
      `${userId}.${deviceId}.${mac.slice(0, -1)}`,
      `${userId}.${deviceId}.${mac.toLowerCase()}`,
      `${userId}..${mac}`,
      `.${deviceId}.${mac}`,
      '..',
      '|||',
      '',
      'x'.repeat(100_000),
      `${'|'.repeat(1000)}${cookie}`,
    ])
      expect(readDevices(keyed, forged), forged.slice(0, 80)).to.deep.equal([])
    expect(readDevices(keyed, undefined)).to.deep.equal([])
    expect(readDevices(keyed, `rubbish|${cookie}|usr_b.x.y`)).to.deep.equal(known)
    expect(readDevices(new Keyring(randomBytes(32)), cookie), 'another deployment’s').to.deep.equal([])
  })

  it('cannot be made to mean another split of the same characters', () => {
    // a dot inside an id would let one account's token be read as another's
    const cookie = writeDevices(keyed, [{ userId: 'usr_a.b', deviceId: 'c' }])
    expect(readDevices(keyed, cookie)).to.deep.equal([])
    const swapped = writeDevices(keyed, [{ userId: 'usr_a', deviceId: 'b.c' }])
    expect(readDevices(keyed, swapped)).to.deep.equal([])
  })
})
