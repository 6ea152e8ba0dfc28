/** A storm of wrong passwords: refused with a word on when to come back, and nobody else has to wait for its end. */
import { expect } from 'chai'
import { newPostgresDatabase } from '../support/backends.ts'
import { times } from '../support/faults.ts'
import { PASSWORD } from '../support/relying-party.ts'
import { describeSeen, OWNER, type Refused, Stormed } from '../support/sign-in-storm.ts'

const SLOTS = 2
const MEMORY_MIB = 64
/** the sign-in page again, saying that it was not the one */
const WRONG = 401
const STORM = times(200, 1000)
/** of a child beside what it hashes with, and what a request costs Ostiary: generous, and far from "a hash each" */
const CHILD_MIB = 80
const REQUESTS_MIB = 160

const countOf = (answers: Refused[], status: number) => answers.filter((it) => it.status === status).length

function expectRefusals(answers: Refused[]): void {
  for (const { status, retryAfter } of answers) {
    expect(status).to.be.oneOf([WRONG, 429, 503])
    if (status !== WRONG) expect(retryAfter, `Retry-After of a ${status}`).to.be.within(1, 3600)
  }
}

describe('a storm of wrong passwords', function () {
  this.timeout(times(120_000, 900_000))
  let database: Awaited<ReturnType<typeof newPostgresDatabase>>
  let stormed: Stormed

  before(async () => {
    database = await newPostgresDatabase()
    stormed = await Stormed.start(database.url, {
      HASHING_SLOTS: String(SLOTS),
      ARGON2_MEMORY_KIB: String(MEMORY_MIB * 1024),
    })
  })
  after(async () => {
    await stormed?.close()
    await database?.drop()
  })

  it('from everywhere: some are looked at, the rest is refused; apps go on; memory stays bounded', async () => {
    const form = await stormed.form()
    const { result, seen } = await stormed.during(() =>
      Promise.all(
        Array.from({ length: STORM }, (_, index) => {
          const name = index % 10 === 0 ? OWNER : `nobody-${index}@example.org`
          return stormed.wrong(form, name, `10.1.${index >> 8}.${index & 255}`)
        }),
      ),
    )
    process.stdout.write(
      `      ${countOf(result, WRONG)} looked at, ${countOf(result, 503)} busy; ${describeSeen(seen)}\n`,
    )
    expectRefusals(result)
    expect(countOf(result, WRONG), 'looked at').to.be.above(0)
    expect(countOf(result, 503), 'refused').to.be.above(0)
    for (const [path, { waits, failed }] of Object.entries(seen.endpoints)) {
      expect(failed, path).to.deep.equal([])
      expect(waits, path).to.not.have.length(0)
    }
    expect(stormed.children.length).to.be.within(1, SLOTS)
    const bound = SLOTS * (MEMORY_MIB + CHILD_MIB) + REQUESTS_MIB
    expect(seen.memory.most - seen.memory.before, 'MiB more than before').to.be.below(bound)
  })

  it('from one network: it has its share of the queue, and somebody from elsewhere signs in', async () => {
    const [form, honest] = await Promise.all([stormed.form(), stormed.form()])
    const crowd = Promise.all(
      Array.from({ length: 60 }, (_, index) => stormed.wrong(form, `crowd-${index}@example.org`, '10.2.0.1')),
    )
    const end = await honest.agent.submit(honest.page, { identifier: OWNER, password: PASSWORD }, '/sign-in')
    const answers = await crowd
    expect(end.url, `${end.status}`).to.include('code=')
    expectRefusals(answers)
    expect(countOf(answers, 503), 'beyond its share').to.be.above(0)
  })

  it('with its processes killed again and again: nobody sees more than "come back later"', async () => {
    const form = await stormed.form()
    let going = true
    let killed = 0
    const killing = (async () => {
      while (going) {
        const [child] = stormed.children
        if (child !== undefined) {
          process.kill(child, 'SIGKILL')
          killed += 1
        }
        await new Promise((resolve) => setTimeout(resolve, 250))
      }
    })()
    const { result, seen } = await stormed.during(() =>
      Promise.all(
        Array.from({ length: STORM }, (_, index) =>
          stormed.wrong(form, `later-${index}@example.org`, `10.3.${index >> 8}.${index & 255}`),
        ),
      ),
    )
    going = false
    await killing
    expectRefusals(result)
    expect(countOf(result, WRONG), 'looked at').to.be.above(0)
    for (const [path, { failed }] of Object.entries(seen.endpoints)) expect(failed, path).to.deep.equal([])
    expect(killed).to.be.above(0)
    expect(stormed.ostiary.log).to.include('a process that hashes passwords ended; it is replaced')
    const { agent, page } = await stormed.form()
    const end = await agent.submit(page, { identifier: OWNER, password: PASSWORD }, '/sign-in')
    expect(end.url, 'and then it is as before').to.include('code=')
  })
})
