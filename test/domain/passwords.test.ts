import { expect } from 'chai'
import { CommonPasswords } from '../../src/crypto/common-passwords.ts'
import {
  normalisePassword,
  type PasswordContext,
  type PasswordPolicy,
  passwordProblems,
} from '../../src/domain/passwords/policy.ts'

const common = CommonPasswords.load()
const policy = (minLength = 15): PasswordPolicy => ({
  minLength,
  isCommon: (password) => common.isCommon(password),
  contextWords: ['Ostiary'],
})
const codes = (password: string, minLength?: number, context?: PasswordContext) =>
  passwordProblems(password, policy(minLength), context).map(({ code }) => code)

/** As many code points as asked for, no sequence and no word. */
const long = (length: number, alphabet = ['q', 'V', '7', '-', 'x', 'u', 'Z', '3', ' ', 'k', 'é']) =>
  Array.from({ length }, (_, index) => alphabet[(index * 7 + Math.floor(index / 5)) % alphabet.length]).join(
    '',
  )

describe('the password policy', () => {
  it('counts: at least the minimum, at most 256', () => {
    for (const [minimum, length, fine] of [
      [15, 0, false],
      [15, 7, false],
      [15, 8, false],
      [15, 14, false],
      [15, 15, true],
      [15, 16, true],
      [8, 7, false],
      [8, 8, true],
      [15, 64, true],
      [15, 73, true],
      [15, 256, true],
      [15, 257, false],
      [15, 5000, false],
    ] as const)
      expect(codes(long(length), minimum).length === 0, `${length} of ${minimum}`).to.equal(fine)
    expect(codes('')).to.deep.equal(['required'])
    expect(passwordProblems(long(14), policy())).to.deep.equal([
      { code: 'password_too_short', params: { min: 15 } },
    ])
    expect(passwordProblems(long(257), policy())).to.deep.equal([
      { code: 'password_too_long', params: { max: 256 } },
    ])
  })

  it('counts code points and not UTF-16 units or bytes, after composing', () => {
    const emoji = ['🦊', '🐢', '🦉', '🐙', '🦀']
    expect(codes(long(15, emoji))).to.deep.equal([])
    expect(codes(long(14, emoji))).to.deep.equal(['password_too_short'])
    expect(codes(long(256, emoji))).to.deep.equal([])
    expect(codes(long(257, emoji))).to.deep.equal(['password_too_long'])
    // e + combining acute: 14 letters as typed are 7 when composed
    expect(codes('q7é'.normalize('NFD').repeat(5), 15)).to.deep.equal([])
    expect(codes('é'.normalize('NFD').repeat(7), 8)).to.include('password_too_short')
  })

  it('takes two spellings of one text for one password, and changes nothing else', () => {
    const composed = 'Zoë’s café naïveté'
    expect(normalisePassword(composed.normalize('NFD'))).to.equal(
      normalisePassword(composed.normalize('NFC')),
    )
    for (const kept of ['  spaces at both ends  ', 'CASE case', 'ﬁ ligature Ⅳ ² ｆｕｌｌ', 'tail\u00a0nbsp'])
      expect(normalisePassword(kept)).to.equal(kept.normalize('NFC'))
    expect(normalisePassword('ﬁne'), 'NFC, not NFKC: no password is made weaker').to.not.equal('fine')
  })

  it('refuses control characters, and NUL above all', () => {
    for (const character of ['\0', '\x01', '\t', '\n', '\r', '\x1b', '\x7f'])
      expect(codes(`${long(10)}${character}${long(10)}`), JSON.stringify(character)).to.deep.equal([
        'password_characters',
      ])
    expect(codes('\0')).to.deep.equal(['password_characters'])
  })

  it('takes spaces, any script and no composition', () => {
    for (const fine of [
      'correct horse battery staple',
      'всё хорошо, прекрасная маркиза',
      'kein haus ohne keller und dach',
      '門を守る静かな者たちは眠らない夜',
      'llllnnnmmmoooppprrrssst',
    ])
      expect(codes(fine), fine).to.deep.equal([])
  })

  it('refuses repetitions and sequences, up, down and round the corner', () => {
    for (const weak of [
      'aaaaaaaaaaaaaaaa',
      '----------------',
      '🦊'.repeat(15),
      'abcdefghijklmnop',
      'ABCDEFGHIJKLMNOP',
      'ponmlkjihgfedcba',
      'uvwxyzabcdefghij',
      '1234567890123456',
      '0987654321098765',
      '9876543210987654',
      'fedcbazyxwvutsrq',
    ])
      expect(codes(weak), weak).to.include('password_common')
    expect(codes('acegikmoqsuwyACEG'), 'a pattern of its own is not a sequence').to.deep.equal([])
  })

  it('refuses what everybody uses, in any case', () => {
    for (const weak of ['password', 'Password', 'PASSWORD1', 'qwertyuiop', '1q2w3e4r5t6y', 'iloveyou'])
      expect(codes(weak, 8), weak).to.include('password_common')
  })

  it('refuses what is made of the person’s and the product’s own words', () => {
    const context = {
      email: 'jane.doe@example.org',
      username: 'captain-nemo',
      name: 'Jane Margaret Doe-Smith',
    }
    for (const weak of [
      'jane.doe@example.org',
      'JANE.DOE@EXAMPLE.ORG',
      'jane.doe2026!!!',
      'captain-nemo1234',
      'Captain-Nemocaptain-nemo',
      'margaretMARGARET1',
      'ostiaryOstiary',
      '!Ostiary2026!!',
      'example.org12345',
      'ｏｓｔｉａｒｙostiary',
    ])
      expect(codes(weak, 8, context), weak).to.include('password_context')
    for (const fine of ['jane likes old lighthouses', 'Ostiary is a calm doorkeeper', long(20)])
      expect(codes(fine, 8, context), fine).to.not.include('password_context')
  })

  it('is not confused by words that are empty, short or of regular-expression characters', () => {
    const context = { email: '@', username: '.*', name: '  [a-z]+  (' }
    expect(codes(long(15), 15, context)).to.deep.equal([])
    expect(codes(long(15), 15, { email: '', username: '', name: '' })).to.deep.equal([])
    expect(codes(long(15), 15, { name: `${'x'.repeat(100_000)}` })).to.deep.equal([])
  })

  it('names every problem, most basic first', () => {
    expect(codes('password')).to.deep.equal(['password_too_short', 'password_common'])
    expect(codes('ostiary', 8)).to.include.members(['password_too_short', 'password_context'])
  })

  it('judges the longest input at once', () => {
    const before = performance.now()
    for (const huge of ['a'.repeat(32_000), long(32_000), 'e\u0301'.repeat(16_000)]) codes(huge)
    expect(performance.now() - before).to.be.below(1000)
  })
})
