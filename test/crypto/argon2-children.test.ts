/** Hashing in child processes: the same hashes, and nothing lost when one of them is killed, stopped or left alone. */
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { getPriority } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { inProcess } from '../../src/crypto/argon2.ts'
import { Argon2Children } from '../../src/crypto/argon2-children.ts'
import { Keyring } from '../../src/crypto/keyring.ts'
import { ARGON2_FLOOR, Argon2Hasher } from '../../src/crypto/password-hasher.ts'
import { isDomainError } from '../../src/domain/errors.ts'

/** Long enough to be killed in the middle of it, and seen from outside by its memory. */
const HEAVY = { memory: 262_144, passes: 3, lanes: 1 }

const isAlive = (pid: number): boolean => {
  try {
    // a zombie is dead, whoever has not heard of it yet
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}
const residentKiB = (pid: number): number =>
  Number(/^VmRSS:\s+(\d+)/m.exec(isAlive(pid) ? readFileSync(`/proc/${pid}/status`, 'utf8') : '')?.[1] ?? 0)

async function until(what: string, holds: () => boolean, seconds = 10): Promise<void> {
  const deadline = performance.now() + seconds * 1000
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`not within ${seconds} s: ${what}`)
    await sleep(2)
  }
}

/** A child that is in the middle of a heavy hash: it holds the memory for it. */
async function hashingNow(children: Argon2Children): Promise<number> {
  const busy = () => children.pids.find((pid) => residentKiB(pid) > HEAVY.memory / 2)
  await until('a child hashes', () => busy() !== undefined)
  return Number(busy())
}

async function refusalOf(work: Promise<unknown>): Promise<unknown> {
  return await work.then(
    () => undefined,
    (error: unknown) => error,
  )
}

describe('argon2 in child processes', () => {
  let children: Argon2Children
  let deaths: string[]
  beforeEach(() => {
    deaths = []
    children = new Argon2Children({ onDeath: (reason) => deaths.push(reason) })
  })
  afterEach(async () => await children.close())

  it('makes and knows the hashes that this process makes and knows', async () => {
    const phc = await children.hash('peppered', ARGON2_FLOOR)
    expect(phc).to.match(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[\w+/]{22}\$[\w+/]{43}$/)
    expect(await inProcess.verify(phc, 'peppered')).to.equal(true)
    const here = await inProcess.hash('peppered', { memory: 20_000, passes: 3, lanes: 2 })
    expect(here).to.include('m=20000,t=3,p=2')
    expect(await children.verify(here, 'peppered')).to.equal(true)
    expect(await children.verify(here, 'Peppered')).to.equal(false)
  })

  it('starts a child when there is work for it, and no more than there is work', async () => {
    expect(children.pids).to.deep.equal([])
    for (let i = 0; i < 3; i += 1) await children.hash('x', ARGON2_FLOOR)
    expect(children.pids).to.have.length(1)
    await Promise.all([children.hash('x', ARGON2_FLOOR), children.hash('x', ARGON2_FLOOR)])
    expect(children.pids).to.have.length(2)
    expect(deaths).to.deep.equal([])
  })

  it('runs them below everything else, and tells them nothing but the work', async () => {
    await children.hash('x', ARGON2_FLOOR)
    const [pid = 0] = children.pids
    expect(getPriority(pid)).to.equal(10)
    const environment = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').filter(Boolean)
    for (const entry of environment) expect(entry).to.match(/^NODE_CHANNEL_/)
    const argv = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').filter(Boolean)
    expect(argv.slice(1).map((it) => it.replace(/.*\//, ''))).to.deep.equal(['hashing-child.mjs'])
  })

  it('gives them the peppered password and never the password', async () => {
    const seen: string[] = []
    const hasher = new Argon2Hasher(new Keyring(randomBytes(32)), {
      ...ARGON2_FLOOR,
      argon2: {
        hash(input, parameters) {
          seen.push(input)
          return inProcess.hash(input, parameters)
        },
        verify(phc, input) {
          seen.push(phc, input)
          return inProcess.verify(phc, input)
        },
        verifyForeign: inProcess.verifyForeign,
        close: async () => {},
      },
    })
    const phc = await hasher.hash('correct horse battery staple')
    expect(await hasher.verify(phc, 'correct horse battery staple')).to.equal(true)
    expect(await hasher.verify(undefined, 'correct horse battery staple')).to.equal(false)
    expect(seen).to.have.length(5)
    for (const text of seen) expect(text).to.not.match(/correct|keyid/)
  })

  it('loses nothing when children are killed in the middle of a hash', async () => {
    const hasher = new Argon2Hasher(new Keyring(randomBytes(32)), {
      ...HEAVY,
      slots: 2,
      deadlineMs: 60_000,
      argon2: children,
    })
    const phc = await hasher.hash('right')
    const rounds = ['right', 'wrong']
    for (const password of rounds) {
      // two at work, two waiting
      const answers = Promise.all(Array.from({ length: 4 }, () => hasher.verify(phc, password)))
      process.kill(await hashingNow(children), 'SIGKILL')
      expect(await answers).to.deep.equal(Array(4).fill(password === 'right'))
    }
    expect(deaths).to.deep.equal(rounds.map(() => 'ended with SIGKILL'))
    expect(children.pids.length).to.be.within(1, 2)
  }).timeout(60_000)

  it('gives up on a hash that two children in turn died of: busy, and when to come back', async () => {
    const outcome = refusalOf(children.hash('x', HEAVY))
    for (let i = 0; i < 2; i += 1) {
      const pid = await hashingNow(children)
      process.kill(pid, 'SIGKILL')
      await until('its death is known', () => !children.pids.includes(pid))
    }
    const error = await outcome
    expect(isDomainError(error, 'busy'), String(error)).to.equal(true)
    expect(error).to.have.property('retryAfterSeconds').that.is.greaterThan(0)
    expect(deaths).to.have.length(2)
    expect(await children.hash('x', ARGON2_FLOOR), 'the next one is served').to.be.a('string')
  })

  it('does not notice that an idle child was killed', async () => {
    await children.hash('x', ARGON2_FLOOR)
    const [pid = 0] = children.pids
    process.kill(pid, 'SIGKILL')
    // At once, so that the work may be sent before the death is known.
    expect(await children.hash('x', ARGON2_FLOOR)).to.be.a('string')
    expect(children.pids).to.not.include(pid)
  })

  it('refuses after a while what a stopped child does not answer, and replaces the child', async () => {
    const impatient = new Argon2Children({ patienceMs: 1500 })
    try {
      await impatient.hash('x', ARGON2_FLOOR)
      const [pid = 0] = impatient.pids
      process.kill(pid, 'SIGSTOP')
      const error = await refusalOf(impatient.hash('x', ARGON2_FLOOR))
      expect(isDomainError(error, 'busy'), String(error)).to.equal(true)
      await until('it is gone', () => !isAlive(pid))
      expect(await impatient.hash('x', ARGON2_FLOOR)).to.be.a('string')
      expect(impatient.pids).to.not.include(pid)
    } finally {
      await impatient.close()
    }
  })

  it('keeps a child that was given nonsense, and says so', async () => {
    await children.hash('x', ARGON2_FLOOR)
    const before = children.pids
    const error = await refusalOf(children.verify('$argon2id$v=19$m=19456,t=2,p=1$x$y', 'secret input'))
    expect(error).to.be.instanceOf(Error)
    expect(String(error))
      .to.match(/^Error: argon2: /)
      .and.not.include('secret input')
    expect(await children.hash('x', ARGON2_FLOOR)).to.be.a('string')
    expect(children.pids).to.deep.equal(before)
  })

  it('leaves its end to the parent: signals to the whole group do not stop a child', async () => {
    await children.hash('x', ARGON2_FLOOR)
    const before = children.pids
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.kill(Number(before[0]), signal)
    expect(await children.hash('x', ARGON2_FLOOR)).to.be.a('string')
    expect(children.pids).to.deep.equal(before)
    expect(deaths).to.deep.equal([])
  })

  it('leaves nothing behind when it is closed, not even in the middle of a hash', async () => {
    const outcome = refusalOf(children.hash('x', HEAVY))
    await hashingNow(children)
    const { pids } = children
    await children.close()
    expect(isDomainError(await outcome, 'busy')).to.equal(true)
    for (const pid of pids) expect(isAlive(pid), `${pid}`).to.equal(false)
    expect(isDomainError(await refusalOf(children.hash('x', ARGON2_FLOOR)), 'busy')).to.equal(true)
    expect(children.pids).to.deep.equal([])
    expect(deaths, 'asked for').to.deep.equal([])
  })

  it('is busy, and nothing else is wrong, while no process can be started: no file descriptors are left', async () => {
    const module = new URL('../../src/crypto/argon2-children.ts', import.meta.url).href
    const program = `
      import { closeSync, openSync } from 'node:fs'
      import { Argon2Children } from ${JSON.stringify(module)}
      const children = new Argon2Children()
      const hash = () => children.hash('x', ${JSON.stringify(ARGON2_FLOOR)}).then(() => 'hashed', ({ code }) => code)
      const taken = []
      try {
        for (;;) taken.push(openSync('/dev/null'))
      } catch {}
      const answers = [await hash(), await hash()]
      for (const descriptor of taken) closeSync(descriptor)
      answers.push(await hash())
      console.log(answers.join())
      await children.close()`
    const node = spawn(
      'sh',
      ['-c', 'ulimit -n 100; exec "$0" --input-type=module -e "$1"', process.execPath, program],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    )
    const [line] = (await once(node.stdout, 'data')) as [Buffer]
    expect(line.toString('utf8').trim()).to.equal('busy,busy,hashed')
  })

  it('ends with its parent, however that ends', async () => {
    const module = new URL('../../src/crypto/argon2-children.ts', import.meta.url).href
    const program = `
      import { Argon2Children } from ${JSON.stringify(module)}
      const children = new Argon2Children()
      const work = () => children.hash('x', ${JSON.stringify(ARGON2_FLOOR)})
      await Promise.all([work(), work()])
      console.log(children.pids.join(' '))
      setInterval(() => {}, 1000)`
    const parent = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [line] = (await once(parent.stdout, 'data')) as [Buffer]
    const pids = line.toString('utf8').trim().split(' ').map(Number)
    expect(pids).to.have.length(2)
    for (const pid of pids) expect(isAlive(pid)).to.equal(true)
    parent.kill('SIGKILL')
    await until('both are gone', () => !pids.some(isAlive))
  })
})
