/** Ten thousand applications at work instead of one: what is remembered of a client must not be what makes it fast. */
import { alternate, type Contender, figure, ratio, totalCpu } from '../lib/alternate.ts'
import { type Bench, isAsked, loadOf, warmUpOf } from '../lib/bench.ts'
import { SERVICE } from '../lib/clients.ts'
import { basic, type Call } from '../lib/http.ts'
import { atMost, type Chapter, grid } from '../lib/report.ts'
import { show } from '../lib/statistics.ts'
import { ASK_JWT, ASK_OPAQUE, Subject } from '../lib/subject.ts'

const GOAL = 1.15
const ROWS = ['cc', 'cc-jwt'] as const
type Row = (typeof ROWS)[number]
const ASK: Record<Row, Call> = { cc: ASK_OPAQUE, 'cc-jwt': ASK_JWT }
const ONE = 'one client'
const MANY = 'many clients'

export async function clients(bench: Bench): Promise<Chapter | undefined> {
  if (!isAsked(bench, 'clients')) return undefined
  const { options, product, tell } = bench
  const count = options.quick ? 2000 : 10_000
  tell(`clients: ${count} instead of one`)
  await product.database?.addClients(SERVICE.client_id, count)
  const subject = await Subject.prepare(product.address, 1, (worker) => product.person(worker))
  const ask = { cc: (call: Call) => subject.askOpaque(call), 'cc-jwt': (call: Call) => subject.askJwt(call) }
  const as = (row: Row, id: string) => ask[row]({ ...ASK[row], headers: basic(id, SERVICE.client_secret) })
  const idOf = (number: number) => `${SERVICE.client_id}-${1 + (number % count)}`
  // Each has been here before: what is measured is many clients, not new ones.
  let next = 0
  await Promise.all(
    Array.from({ length: options.workers }, async () => {
      for (; next < count; ) await as('cc', idOf(next++))
    }),
  )
  const contenders: Contender<Row>[] = [
    { name: ONE, watched: product.watched, operation: (row) => () => as(row, SERVICE.client_id) },
    {
      name: MANY,
      watched: product.watched,
      operation: (row) => () => as(row, idOf(Math.floor(Math.random() * count))),
    },
  ]
  const turns = await alternate(contenders, {
    ...{ rows: ROWS, rounds: options.rounds, warmUp: warmUpOf(bench), tell },
    loadOf: (row) => loadOf(bench, row),
  })
  subject.close()
  return {
    title: `${count} clients`,
    text: grid([
      ['flow', 'CPU ms, one', 'CPU ms, many', 'ratio'],
      ...ROWS.map((row) => [
        row,
        show(figure(turns[row], ONE, totalCpu), 3),
        show(figure(turns[row], MANY, totalCpu), 3),
        show(ratio(turns[row], MANY, ONE)),
      ]),
    ]),
    verdicts: ROWS.map((row) => {
      const found = ratio(turns[row], MANY, ONE)
      return atMost(`${row}, ${count} clients / one`, found.median, GOAL, 'x', show(found))
    }),
    data: turns,
  }
}
