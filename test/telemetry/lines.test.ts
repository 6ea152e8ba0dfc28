/** The log on the worst day: nobody takes its lines. What is tried here is a process of its own, as the log is. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { openSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'

const LOGGER = new URL('../../src/telemetry/logger.ts', import.meta.url).href
/** lines that are written; far more than the bound of what waits */
const LINES = 60_000
const PROGRAM = `
  import { createLogger } from '${LOGGER}'
  const log = createLogger('info')
  const before = process.memoryUsage().rss
  for (let line = 1; line <= ${LINES}; line += 1) {
    log.plain({ line, path: '/'.padEnd(200, 'x') }, 'request')
    if (line % 500 === 0) await new Promise((resolve) => setTimeout(resolve, 1))
  }
  process.send({ grownMiB: (process.memoryUsage().rss - before) / 2 ** 20 })
  process.once('message', () => process.exit(0))
  setInterval(() => log.plain({ path: '/later' }, 'request'), 100)
`

describe('log lines that nobody takes', function () {
  this.timeout(60_000)
  let child: ChildProcess
  afterEach(() => child?.kill('SIGKILL'))

  function start(stdout: 'pipe' | number) {
    child = spawn(process.execPath, ['--input-type=module', '--eval', PROGRAM], {
      stdio: ['ignore', stdout, 'inherit', 'ipc'],
    })
    return once(child, 'message').then(([{ grownMiB }]) => grownMiB as number)
  }

  async function exitCode(): Promise<unknown> {
    const ended = once(child, 'exit')
    child.send('end')
    return Promise.race([ended.then(([code]) => code), sleep(5_000, 'still there', { ref: false })])
  }

  it('are no reason to fail: the disk is full', async () => {
    await start(openSync('/dev/full', 'w'))
    expect(await exitCode()).to.equal(0)
  })

  it('are no reason to fail: the reader went away', async () => {
    const written = start('pipe')
    child.stdout?.destroy()
    await written
    expect(await exitCode()).to.equal(0)
  })

  it('wait for a reader that stalls, up to a bound, and it is told how many were lost', async () => {
    const grownMiB = await start('pipe')
    expect(grownMiB).to.be.lessThan(60)
    let text = ''
    child.stdout?.setEncoding('utf8').on('data', (chunk) => {
      text += chunk
    })
    const counted = () => {
      const whole = text.slice(0, text.lastIndexOf('\n')).split('\n').filter(Boolean)
      const lines = whole.map((line) => JSON.parse(line))
      const lost = lines.reduce((sum, line) => sum + (line.lost ?? 0), 0)
      return { lost, came: lines.filter(({ line }) => line !== undefined).length }
    }
    // It may be told several times: the first room may come while lines are still being dropped.
    const isWhole = ({ lost, came }: { lost: number; came: number }) => lost > 0 && came + lost >= LINES
    for (const end = Date.now() + 10_000; !isWhole(counted()) && Date.now() < end; ) await sleep(20)
    expect(await exitCode()).to.equal(0)
    const { lost, came } = counted()
    expect(lost, 'some').to.be.greaterThan(0)
    expect(came, 'those that had room').to.be.greaterThan(10_000)
    expect(came + lost, 'each lost line is counted').to.be.within(LINES, LINES + 1_000)
  })

  it('are all written, in order, before the process ends by itself', async () => {
    let text = ''
    const written = start('pipe')
    child.stdout?.setEncoding('utf8').on('data', (chunk) => {
      text += chunk
    })
    const closed = once(child.stdout!, 'close')
    await written
    expect(await exitCode()).to.equal(0)
    await closed
    const numbers = text
      .trim()
      .split('\n')
      .flatMap((line) => JSON.parse(line).line ?? [])
    expect(numbers).to.deep.equal(Array.from({ length: LINES }, (_, index) => index + 1))
  })
})
