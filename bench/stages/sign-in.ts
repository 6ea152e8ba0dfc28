/** Whole sign-ins with a password: every page, consent for the first time, the exchange; against what hashing allows. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { owned } from '../../test/support/owned-children.ts'
import { totalCpu } from '../lib/alternate.ts'
import { type Bench, isAsked, warmUpOf } from '../lib/bench.ts'
import { addressOf, browserOf, signIn } from '../lib/browser.ts'
import { ended } from '../lib/children.ts'
import { FOREIGN_APP } from '../lib/clients.ts'
import { Connection } from '../lib/http.ts'
import { measure, type Sample } from '../lib/measure.ts'
import type { Product } from '../lib/product.ts'
import { type Chapter, grid } from '../lib/report.ts'
import { median, show, spread } from '../lib/statistics.ts'

/** sign-ins a second, as a share of the hashes a second of the machine */
const GOAL = 0.5
/** at once: enough to keep the hashing busy, too few to be turned away */
const WORKERS = 4

interface Hashes {
  perSecond: number
  /** milliseconds of one */
  cpu: number
}

export async function signIns(bench: Bench): Promise<Chapter | undefined> {
  if (!isAsked(bench, 'sign-in')) return undefined
  const { options, product, tell } = bench
  const seconds = options.seconds * 2
  const parameters = await hashParameters(product)
  const path = fileURLToPath(new URL('../yardsticks/hashes.ts', import.meta.url))
  const child = owned(fork(path, parameters.map(String), { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] }))
  const hashes = async (): Promise<Hashes> => {
    child.send(options.seconds)
    return (await once(child, 'message'))[0] as Hashes
  }
  tell(`sign-in: argon2id m=${parameters[0]}, t=${parameters[1]}, p=${parameters[2]}`)
  const connection = new Connection(product.address, WORKERS)
  const operation = newcomers(product, connection)
  await measure(operation, { workers: WORKERS, seconds: warmUpOf(bench) }, product.watched)
  const rounds: { hashes: Hashes; sample: Sample; requests: number }[] = []
  for (let round = 0; round < options.rounds; round += 1) {
    const { sent } = connection
    const sample = await measure(operation, { workers: WORKERS, seconds }, product.watched)
    const requests = (connection.sent - sent) / sample.operations
    rounds.push({ hashes: await hashes(), sample, requests })
    tell(`round ${round + 1} of ${options.rounds}`)
  }
  connection.close()
  await ended(child)
  const of = (pick: (round: (typeof rounds)[number]) => number) => spread(rounds.map(pick))
  const share = of((round) => round.sample.perSecond / round.hashes.perSecond)
  const byCpu = of((round) => round.hashes.cpu / totalCpu(round.sample))
  return {
    title: 'Signing in with a password',
    text: `${grid([
      ['', 'min/median/max'],
      [
        'sign-ins a second',
        show(
          of(({ sample }) => sample.perSecond),
          1,
        ),
      ],
      [
        'hashes a second of this machine',
        show(
          of((round) => round.hashes.perSecond),
          1,
        ),
      ],
      ['share', show(share)],
      [
        'CPU ms of a sign-in',
        show(
          of(({ sample }) => totalCpu(sample)),
          1,
        ),
      ],
      [
        'CPU ms of a hash',
        show(
          of((round) => round.hashes.cpu),
          1,
        ),
      ],
      ['share by CPU', show(byCpu)],
      [
        'requests of a sign-in',
        show(
          of(({ requests }) => requests),
          1,
        ),
      ],
      [
        'writing transactions',
        show(
          of(({ sample }) => sample.written),
          1,
        ),
      ],
      [
        'p50 ms',
        show(
          of(({ sample }) => sample.p50),
          0,
        ),
      ],
      [
        'p99 ms',
        show(
          of(({ sample }) => sample.p99),
          0,
        ),
      ],
    ])}\n\n${WORKERS} at once; each person for the first time, at a foreign app, with consent. The load took ${Math.round(100 * median(rounds.map(({ sample }) => sample.generatorCpu)))} % of a core of the same machine: by CPU says what it would be without.`,
    verdicts: [
      {
        what: 'sign-ins / hashes a second',
        figure: show(share),
        goal: `at least ${GOAL}`,
        met: share.median >= GOAL,
      },
    ],
    data: { parameters, rounds },
  }
}

/** Every operation is somebody else, from an address of their own; after the last the first comes again. */
export function newcomers(product: Product, connection: Connection, first = 1000): () => Promise<void> {
  let next = first
  return async () => {
    const number = next
    next += 1
    await signIn(
      browserOf(connection, addressOf(number)),
      connection,
      FOREIGN_APP.client_id,
      product.person(number),
    )
  }
}

/** KiB of memory, passes, lanes: as the product hashed the administrator's password. */
async function hashParameters(product: Product): Promise<[number, number, number]> {
  const [row] = (await product.database?.query('select phc from passwords limit 1')) ?? []
  const [, memory, passes, lanes] = /\$m=(\d+),t=(\d+),p=(\d+)/.exec(String(row?.phc)) ?? []
  if (lanes === undefined) throw new Error('the password is not hashed as this benchmark knows it')
  return [Number(memory), Number(passes), Number(lanes)]
}
