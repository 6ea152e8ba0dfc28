import { expect } from 'chai'
import type { DomainError } from '../../src/domain/errors.ts'
import { DEFAULT_LIMITS, networkOf, Throttle } from '../../src/domain/protection/throttle.ts'
import { ephemeralBackends, selected } from '../support/backends.ts'
import { failure } from '../support/failure.ts'
import { token } from '../support/samples.ts'

for (const { name, fresh } of selected(ephemeralBackends)) {
  describe(`the throttle (${name})`, function () {
    this.timeout(60_000)
    let throttle: Throttle
    const undo: (() => Promise<void>)[] = []
    before(async () => {
      const instance = await fresh()
      throttle = new Throttle(instance.ephemeral)
      undo.push(instance.dispose)
    })
    after(() => Promise.all(undo.map((step) => step())))

    const bucket = (limit: number, key = token('bucket-'), windowSeconds = 60) => ({
      key,
      limit,
      windowSeconds,
    })
    const attempts = (times: number, buckets: Parameters<Throttle['take']>[0]) =>
      Promise.all(
        Array.from({ length: times }, () =>
          throttle.take(buckets).then(
            () => 'taken',
            (error: DomainError) => error.code,
          ),
        ),
      )
    const taken = (outcomes: string[]) => outcomes.filter((outcome) => outcome === 'taken').length

    it('gives as many as the limit and says how long to wait for the next', async () => {
      const one = bucket(3)
      for (let times = 0; times < 3; times += 1) await throttle.take([one])
      for (let times = 0; times < 3; times += 1) {
        const error = (await failure(throttle.take([one]))) as DomainError
        expect(error.code).to.equal('throttled')
        expect(error.retryAfterSeconds).to.be.within(1, 60)
      }
    })

    it('gives back what succeeded', async () => {
      const one = bucket(2)
      for (let times = 0; times < 10; times += 1) await (await throttle.take([one]))()
      await throttle.take([one])
      await throttle.take([one])
      expect(((await failure(throttle.take([one]))) as DomainError).code).to.equal('throttled')
    })

    it('takes nothing from any bucket when one is empty', async () => {
      const [full, empty] = [bucket(3), bucket(1)]
      await throttle.take([empty])
      for (let times = 0; times < 10; times += 1) await failure(throttle.take([full, empty]))
      expect(taken(await attempts(3, [full]))).to.equal(3)
    })

    it('never gives more than the limit to any number at once', async () => {
      const one = bucket(10)
      const [first, second] = await Promise.all([attempts(40, [one]), attempts(40, [one, bucket(1000)])])
      expect(taken([...first, ...second])).to.be.at.most(10)
      // refusals that crossed gave back what they took
      const rest = 10 - taken([...first, ...second])
      expect(taken(await attempts(20, [one]))).to.be.at.most(rest)
    })

    it('starts again when the window is over', async () => {
      const one = bucket(1, token('short-'), 1)
      await throttle.take([one])
      expect(taken(await attempts(3, [one]))).to.equal(0)
      await new Promise((resolve) => setTimeout(resolve, 1500))
      expect(taken(await attempts(1, [one]))).to.equal(1)
    })

    it('lets strangers use up only the strangers’ share: the owner’s own browser goes on', async () => {
      const who = token('name-')
      const strangers = (ip: string) => throttle.signIn(who, undefined, ip)
      const outcomes: string[] = []
      for (let index = 0; index < 40; index += 1)
        outcomes.push(...(await attempts(1, strangers(`198.51.${index}.1`))))
      expect(taken(outcomes)).to.equal(DEFAULT_LIMITS.signInStranger)
      const own = throttle.signIn(who, `${who}:device`, '198.51.0.1')
      expect(taken(await attempts(1, own))).to.equal(1)
      expect(taken(await attempts(30, own)), 'which is limited too').to.equal(DEFAULT_LIMITS.signInDevice - 1)
    })

    it('limits a network over all names, and knows a network by its address', async () => {
      const limits = {
        ...DEFAULT_LIMITS,
        signInNetwork: 5,
        formNetwork: 5,
        userCodeNetwork: 5,
        mailNetwork: 5,
      }
      const instance = await fresh()
      undo.push(instance.dispose)
      const strict = new Throttle(instance.ephemeral, limits)
      const take = (buckets: Parameters<Throttle['take']>[0]) =>
        strict.take(buckets).then(
          () => true,
          () => false,
        )
      const results: boolean[] = []
      for (let index = 0; index < 8; index += 1)
        results.push(await take(strict.signIn(token('name-'), undefined, `2001:db8:1:2::${index + 1}`)))
      expect(results.filter(Boolean)).to.have.length(5)
      expect(
        await take(strict.signIn(token('name-'), undefined, '2001:db8:1:3::1')),
        'the next network',
      ).to.equal(true)
      const forms: boolean[] = []
      for (let index = 0; index < 8; index += 1)
        forms.push(await take(strict.form(index % 2 ? '192.0.2.1' : '::ffff:192.0.2.1')))
      expect(forms.filter(Boolean)).to.have.length(5)
    })
  })
}

describe('the network of an address', () => {
  it('is the address for IPv4, however it is written', () => {
    for (const ip of ['192.0.2.7', '::ffff:192.0.2.7', '::FFFF:192.0.2.7'])
      expect(networkOf(ip)).to.equal('192.0.2.7')
    expect(networkOf('192.0.2.8')).to.not.equal(networkOf('192.0.2.7'))
  })

  it('is the /64 for IPv6, however it is written', () => {
    const one = networkOf('2001:db8:0:1::')
    for (const ip of [
      '2001:db8:0:1::1',
      '2001:0db8:0000:0001:ffff:ffff:ffff:ffff',
      '2001:DB8:0:1:0:0:0:1',
      '2001:db8:0:1::1%eth0',
      '2001:db8::1:0:0:0:1',
    ])
      expect(networkOf(ip), ip).to.equal(one)
    for (const ip of ['2001:db8:0:2::1', '2001:db8:1:1::1', '2001:db8::1', '::1', 'fe80::1'])
      expect(networkOf(ip), ip).to.not.equal(one)
    expect(networkOf('::1')).to.equal(networkOf('::2'))
    expect(networkOf('::')).to.equal('0:0:0:0::/64')
  })
})
