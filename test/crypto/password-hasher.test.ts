/** Passwords at rest: what it costs, what is refused, what a stolen hash is worth. */
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { hash as argon2 } from '@node-rs/argon2'
import { expect } from 'chai'
import { DataKey } from '../../src/crypto/data-key.ts'
import { Keyring } from '../../src/crypto/keyring.ts'
import { ARGON2_DEFAULTS, ARGON2_FLOOR, Argon2Hasher } from '../../src/crypto/password-hasher.ts'
import { Slots } from '../../src/crypto/slots.ts'
import { isDomainError } from '../../src/domain/errors.ts'

const CHEAP = { ...ARGON2_FLOOR, slots: 2, queue: 50, deadlineMs: 10_000 }

async function refusalOf(work: Promise<unknown>): Promise<unknown> {
  return await work.then(
    () => undefined,
    (error: unknown) => error,
  )
}

describe('password hasher', () => {
  const keyring = new Keyring(randomBytes(32))
  const hasher = new Argon2Hasher(keyring, CHEAP)

  it('makes an argon2id PHC string with today’s parameters and the pepper’s id', async () => {
    const phc = await new Argon2Hasher(keyring).hash('correct horse battery staple')
    expect(phc).to.match(/^\$argon2id\$v=19\$m=47104,t=2,p=1,keyid=[\w+/]{6}\$[\w+/]{22}\$[\w+/]{43}$/)
  })

  it('knows the password and no other', async () => {
    const phc = await hasher.hash('correct horse battery staple')
    expect(await hasher.verify(phc, 'correct horse battery staple')).to.equal(true)
    expect(await hasher.verify(phc, 'correct horse battery stapl')).to.equal(false)
    expect(await hasher.verify(phc, '')).to.equal(false)
    expect(await hasher.hash('correct horse battery staple')).not.to.equal(phc)
  })

  it('is worth nothing without the deployment’s key', async () => {
    const phc = await hasher.hash('correct horse battery staple')
    const thief = new Argon2Hasher(new Keyring(randomBytes(32)), CHEAP)
    expect(await thief.verify(phc, 'correct horse battery staple')).to.equal(false)
    expect(await thief.verify(phc.replace(/,keyid=[^$]+/, ''), 'correct horse battery staple')).to.equal(
      false,
    )
  })

  it('still takes hashes under a former key, and wants them renewed', async () => {
    const former = { key: new DataKey(1, randomBytes(32)), activeIn: 0 }
    const changing = new Keyring()
    changing.load([former])
    const later = new Argon2Hasher(changing, CHEAP)
    const phc = await later.hash('correct horse battery staple')
    expect(later.needsRehash(phc)).to.equal(false)
    changing.load([former, { key: new DataKey(2, randomBytes(32)), activeIn: 0 }])
    expect(await later.verify(phc, 'correct horse battery staple')).to.equal(true)
    expect(await later.verify(phc, 'something else')).to.equal(false)
    expect(later.needsRehash(phc)).to.equal(true)
  })

  it('takes an argon2id hash made elsewhere without a pepper, and wants it renewed', async () => {
    const phc = await argon2('correct horse battery staple')
    expect(await hasher.verify(phc, 'correct horse battery staple')).to.equal(true)
    expect(await hasher.verify(phc, 'something else')).to.equal(false)
    expect(hasher.needsRehash(phc)).to.equal(true)
  })

  it('wants a rehash when the parameters differ, and only then', async () => {
    const phc = await hasher.hash('correct horse battery staple')
    expect(hasher.needsRehash(phc)).to.equal(false)
    expect(new Argon2Hasher(keyring, { ...CHEAP, memory: 20_000 }).needsRehash(phc)).to.equal(true)
    expect(new Argon2Hasher(keyring, { ...CHEAP, passes: 3 }).needsRehash(phc)).to.equal(true)
    expect(new Argon2Hasher(keyring, { ...CHEAP, lanes: 2 }).needsRehash(phc)).to.equal(true)
    expect(hasher.needsRehash('$2b$10$something')).to.equal(true)
  })

  it('refuses parameters below the floor', () => {
    expect(() => new Argon2Hasher(keyring, { memory: 19_455 })).to.throw(RangeError, /memory/)
    expect(() => new Argon2Hasher(keyring, { passes: 1 })).to.throw(RangeError, /passes/)
    expect(() => new Argon2Hasher(keyring, { lanes: 0 })).to.throw(RangeError, /lanes/)
    expect(() => new Argon2Hasher(keyring, { memory: Number.NaN })).to.throw(RangeError, /memory/)
    expect(() => new Argon2Hasher(keyring, ARGON2_FLOOR)).not.to.throw()
    expect(ARGON2_DEFAULTS).to.include({ memory: 47_104, passes: 2, lanes: 1 })
  })

  it('refuses more than 1 KiB before doing any work', async () => {
    const phc = await hasher.hash('x'.repeat(1024))
    expect(await hasher.verify(phc, 'x'.repeat(1024))).to.equal(true)
    expect(isDomainError(await refusalOf(hasher.hash('x'.repeat(1025))), 'invalid_input')).to.equal(true)
    expect(isDomainError(await refusalOf(hasher.hash('é'.repeat(513))), 'invalid_input')).to.equal(true)
    const before = process.cpuUsage()
    expect(await hasher.verify(phc, 'x'.repeat(1_000_000))).to.equal(false)
    const { user } = process.cpuUsage(before)
    expect(user, 'microseconds').to.be.lessThan(10_000)
  })

  it('does the same work for nobody, and for what it cannot read', async () => {
    const phc = await hasher.hash('correct horse battery staple')
    // CPU spent, not time passed: what else the machine does is not our work.
    const median = async (stored: string | undefined): Promise<number> => {
      const spent: number[] = []
      for (let i = 0; i < 9; i += 1) {
        const before = process.cpuUsage()
        expect(await hasher.verify(stored, 'wrong')).to.equal(false)
        const { user, system } = process.cpuUsage(before)
        spent.push(user + system)
      }
      return spent.sort((a, b) => a - b)[4]!
    }
    const known = await median(phc)
    for (const stored of [undefined, '', 'garbage', '$2b$10$abc', phc.replace(/keyid=\w+/, 'keyid=AAAAAA')]) {
      expect(await median(stored)).to.be.within(known * 0.5, known * 2)
    }
  })

  it('sends everybody beyond slots and queue away at once', async () => {
    const narrow = new Argon2Hasher(keyring, { ...CHEAP, slots: 1, queue: 2 })
    const settled = await Promise.allSettled(Array.from({ length: 6 }, () => narrow.verify(undefined, 'x')))
    const refused = settled.flatMap((it) => (it.status === 'rejected' ? [it.reason as unknown] : []))
    expect(refused).to.have.length(3)
    for (const error of refused) {
      expect(isDomainError(error, 'busy')).to.equal(true)
      expect(error).to.have.property('retryAfterSeconds').that.is.greaterThan(0)
    }
    expect(await narrow.verify(undefined, 'x')).to.equal(false)
  })
})

describe('slots', () => {
  it('never have more at work than there are, and serve in order', async () => {
    const slots = new Slots({ slots: 2, queue: 50, deadlineMs: 1000 })
    const order: number[] = []
    let atWork = 0
    let most = 0
    await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        slots.run(async () => {
          atWork += 1
          most = Math.max(most, atWork)
          order.push(index)
          await sleep(2)
          atWork -= 1
        }),
      ),
    )
    expect(most).to.equal(2)
    expect(order).to.deep.equal([...order].sort((a, b) => a - b))
    expect(slots.busy).to.equal(0)
  })

  it('send away whoever waited too long, and keep the slot usable', async () => {
    const slots = new Slots({ slots: 1, queue: 5, deadlineMs: 50 })
    const long = slots.run(() => sleep(150))
    let began = false
    const error = await refusalOf(
      slots.run(async () => {
        began = true
      }),
    )
    expect(isDomainError(error, 'busy')).to.equal(true)
    expect(began).to.equal(false)
    expect(slots.waiting).to.equal(0)
    await long
    expect(await slots.run(async () => 'free')).to.equal('free')
  })

  it('are given back when the work fails', async () => {
    const slots = new Slots({ slots: 1, queue: 0, deadlineMs: 50 })
    await refusalOf(slots.run(() => Promise.reject(new Error('no'))))
    expect(slots.busy).to.equal(0)
    expect(await slots.run(async () => 1)).to.equal(1)
  })
})
