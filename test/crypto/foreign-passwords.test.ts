/** Passwords that other software hashed: each format verified by the one form it is kept in, bounded, sealed at rest. */
import { pbkdf2Sync, randomBytes, scryptSync } from 'node:crypto'
import { hashSync as argon2 } from '@node-rs/argon2'
import { hashSync as bcrypt } from '@node-rs/bcrypt'
import { expect } from 'chai'
import { Argon2Children } from '../../src/crypto/argon2-children.ts'
import { ForeignPasswords, openForeign } from '../../src/crypto/foreign-passwords.ts'
import { Keyring } from '../../src/crypto/keyring.ts'
import { Argon2Hasher } from '../../src/crypto/password-hasher.ts'
import { HashRefused } from '../../src/domain/users/transfer/fault.ts'

const PASSWORD = 'a lantern over the quay'
const CHEAP = { memory: 19_456, passes: 2 }
const SALT = Buffer.from('sixteen byte slt')
const b64 = (bytes: Buffer) => bytes.toString('base64')
const plain = (bytes: Buffer) => b64(bytes).replace(/=+$/, '')
const derived = (length: number, digest: string, salt: Buffer | string = SALT) =>
  pbkdf2Sync(PASSWORD, salt, 1000, length, digest)
const argon2Of = (algorithm: number, version = 1) =>
  argon2(PASSWORD, { algorithm, version, memoryCost: 1024, timeCost: 2, parallelism: 1 })
const keycloak = (algorithm: string, length: number, digest: string) => ({
  secretData: JSON.stringify({ value: b64(derived(length, digest)), salt: b64(SALT) }),
  credentialData: JSON.stringify({ hashIterations: 1000, algorithm, additionalParameters: {} }),
})
const bcrypted = bcrypt(PASSWORD, 4)
const argon2id = argon2Of(2)
const [, , , , salt = '', hash = ''] = argon2id.split('$')

const FORMATS: Record<string, unknown> = {
  'bcrypt 2b': bcrypted,
  'bcrypt 2a': bcrypted.replace('$2b$', '$2a$'),
  'bcrypt 2y': bcrypted.replace('$2b$', '$2y$'),
  argon2d: argon2Of(0),
  argon2i: argon2Of(1),
  argon2id,
  'argon2id of version 1.0': argon2Of(2, 0),
  'argon2 of Django': `argon2${argon2id}`,
  'scrypt PHC': `$scrypt$ln=10,r=8,p=1$${plain(SALT)}$${plain(scryptSync(PASSWORD, SALT, 32, { N: 1024, r: 8, p: 1 }))}`,
  'PBKDF2 PHC sha256': `$pbkdf2-sha256$i=1000,l=32$${plain(SALT)}$${plain(derived(32, 'sha256'))}`,
  'PBKDF2 PHC sha512': `$pbkdf2-sha512$i=1000$${plain(SALT)}$${plain(derived(64, 'sha512'))}`,
  'PBKDF2 passlib sha1': `$pbkdf2$1000$${plain(SALT).replaceAll('+', '.')}$${plain(derived(20, 'sha1')).replaceAll('+', '.')}`,
  'PBKDF2 Django': `pbkdf2_sha256$1000$saltOfDjango$${b64(derived(32, 'sha256', 'saltOfDjango'))}`,
  'PBKDF2 Keycloak sha256, 64 bytes': keycloak('pbkdf2-sha256', 64, 'sha256'),
  'PBKDF2 Keycloak sha512': keycloak('pbkdf2-sha512', 64, 'sha512'),
  'PBKDF2 Keycloak sha1': keycloak('pbkdf2', 64, 'sha1'),
  'argon2 Keycloak': {
    secretData: { value: hash, salt },
    credentialData: {
      ...{ hashIterations: 2, algorithm: 'argon2' },
      additionalParameters: { memory: ['1024'], type: ['id'], version: ['1.3'], parallelism: ['1'] },
    },
  },
}

/** The example that Firebase publishes with its scrypt. */
const FIREBASE = {
  password: 'user1password',
  hash:
    '$firescrypt$ln=14,r=8,p=1$42xEC+ixf3L2lw==$lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==' +
    '$Bw==$jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==',
}

const h32 = plain(randomBytes(32))
const TOO_DEAR: Record<string, unknown> = {
  bcrypt: `$2b$15$${'a'.repeat(53)}`,
  'argon2 memory': `$argon2id$v=19$m=4194304,t=1,p=1$${plain(SALT)}$${h32}`,
  'argon2 passes': `$argon2id$v=19$m=65536,t=500,p=1$${plain(SALT)}$${h32}`,
  'argon2 both': `$argon2id$v=19$m=262144,t=12,p=1$${plain(SALT)}$${h32}`,
  scrypt: `$scrypt$ln=24,r=8,p=1$${plain(SALT)}$${h32}`,
  'scrypt in parallel': `$scrypt$ln=14,r=8,p=255$${plain(SALT)}$${h32}`,
  PBKDF2: `$pbkdf2-sha256$i=90000000,l=32$${plain(SALT)}$${h32}`,
  'PBKDF2 by its length': `$pbkdf2-sha1$i=1999999$${plain(SALT)}$${plain(randomBytes(64))}`,
  Keycloak: {
    secretData: { value: h32, salt: b64(SALT) },
    credentialData: { hashIterations: 1e9, algorithm: 'pbkdf2-sha256' },
  },
}

const NO_HASH: unknown[] = [
  ...['', 'plain text', '5f4dcc3b5aa765d61d8327deb882cf99', '$1$abc$def', 42, true, null, [], {}],
  ...['$2b$04$short', `$argon2id$v=19$m=1024,t=2,p=1$${plain(SALT)}$AAAA`, `$sealed$v=1$${h32}`],
  ...[
    { secretData: '{', credentialData: '{}' },
    { secretData: { value: 1 }, credentialData: {} },
  ],
  // One byte of hash would let in one password of 256.
  `$pbkdf2-sha256$i=1000$${plain(SALT)}$QQ`,
]

describe('passwords that other software hashed', () => {
  const keyring = new Keyring(randomBytes(32))
  const passwords = new ForeignPasswords(keyring)
  const hasher = new Argon2Hasher(keyring, CHEAP)

  for (const [name, given] of Object.entries(FORMATS))
    it(`${name}: the right one is, another is not, and it is to be replaced`, async () => {
      const stored = passwords.take(given)
      expect(await hasher.verify(stored, PASSWORD)).to.equal(true)
      expect(await hasher.verify(stored, `${PASSWORD}!`)).to.equal(false)
      expect(hasher.needsRehash(stored)).to.equal(true)
      const given2 = passwords.give(stored)
      expect(passwords.give(passwords.take(given2)), 'written in one form').to.equal(given2)
    })

  it("Firebase's own example", async () => {
    const stored = passwords.take(FIREBASE.hash)
    expect(await hasher.verify(stored, FIREBASE.password)).to.equal(true)
    expect(await hasher.verify(stored, 'user2password')).to.equal(false)
  })

  it('are sealed: nothing of the hash is in what is stored, and another key opens nothing', async () => {
    const stored = passwords.take(bcrypted)
    expect(stored).to.match(/^\$sealed\$v=1\$[A-Za-z0-9+/=]+$/)
    const bytes = Buffer.from(stored.split('$').at(-1) ?? '', 'base64').toString('latin1')
    expect(bytes).to.not.include(bcrypted.slice(-20))
    expect(openForeign(keyring, stored)).to.equal(bcrypted)
    const thief = new Argon2Hasher(new Keyring(randomBytes(32)), CHEAP)
    expect(await thief.verify(stored, PASSWORD)).to.equal(false)
  })

  it('of our own come back as they are, where their pepper is, and nowhere else', async () => {
    const own = await hasher.hash(PASSWORD)
    expect(passwords.take(own)).to.equal(own)
    expect(passwords.give(own)).to.equal(own)
    expect(() => new ForeignPasswords(new Keyring(randomBytes(32))).take(own)).to.throw(HashRefused, /key/)
    const dear = own.replace(/m=\d+,t=\d+/, 'm=4194304,t=9')
    expect(() => passwords.take(dear)).to.throw(HashRefused, /more work to check than a sign-in may/)
  })

  for (const [name, given] of Object.entries(TOO_DEAR))
    it(`${name}: what would cost too much to check is not taken`, () => {
      expect(() => passwords.take(given)).to.throw(HashRefused, /more work to check than a sign-in may/)
    })

  const cut = (text: string) => plain(Buffer.from(text))
  const argon2With = (salt: string, hash = plain(Buffer.alloc(32, 7))) =>
    `$argon2id$v=19$m=64,t=1,p=1$${salt}$${hash}`
  for (const [name, text] of Object.entries({
    'argon2 with a salt of less than it takes': argon2With(cut('four')),
    'argon2 with a character too many': argon2With(`${cut('sixteen byte slt').slice(0, 20)}A`),
    'argon2 with bits that are no bytes': argon2With(`${cut('sixteen byte slt').slice(0, -1)}/`),
    'scrypt with more rounds than its blocks allow': `$scrypt$ln=16,r=1,p=1$${plain(SALT)}$${plain(SALT)}`,
  }))
    it(`${name}: what cannot be checked is not taken, or nobody could sign in by it`, () => {
      expect(() => passwords.take(text)).to.throw(HashRefused)
    })

  it('what is no hash is not taken, and no refusal repeats it', () => {
    for (const given of NO_HASH)
      expect(() => passwords.take(given), JSON.stringify(given))
        .to.throw(HashRefused)
        .with.property('message')
        .that.satisfies((text: string) => typeof given !== 'string' || given === '' || !text.includes(given))
  })

  it('are checked by the children too, and one that somebody put into the database is bounded there', async () => {
    const children = new Argon2Children()
    try {
      const far = new Argon2Hasher(keyring, { ...CHEAP, argon2: children })
      expect(await far.verify(passwords.take(bcrypted), PASSWORD)).to.equal(true)
      expect(await far.verify(passwords.take(FORMATS['scrypt PHC']), PASSWORD)).to.equal(true)
      expect(await far.verify(passwords.take(bcrypted), 'another')).to.equal(false)
      const refused = await children
        .verifyForeign(TOO_DEAR.PBKDF2 as string, PASSWORD)
        .catch((error) => error)
      expect(refused)
        .to.be.instanceOf(Error)
        .with.property('message')
        .that.matches(/more work/)
    } finally {
      await children.close()
    }
  })

  it('a wrong password for a cheap hash takes as long as one for nobody', async function () {
    this.timeout(20_000)
    const time = async (stored: string | undefined) => {
      const started = performance.now()
      await hasher.verify(stored, 'wrong')
      return performance.now() - started
    }
    const stored = passwords.take(bcrypted)
    await time(undefined)
    const [known, nobody]: [number[], number[]] = [[], []]
    for (let round = 0; round < 9; round += 1) {
      known.push(await time(stored))
      nobody.push(await time(undefined))
    }
    const median = (values: number[]) => values.sort((a, b) => a - b)[4] as number
    // bcrypt of cost 4 alone takes a millisecond.
    expect(median(known)).to.be.within(median(nobody) * 0.4, median(nobody) * 6)
  })
})
