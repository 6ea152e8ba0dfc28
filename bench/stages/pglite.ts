/** The embedded database against Postgres: the same product, in alternation. */
import { alternate, enter, figure, ratio, totalCpu } from '../lib/alternate.ts'
import { type Bench, isAsked, loadOf, warmUpOf } from '../lib/bench.ts'
import type { FlowName } from '../lib/options.ts'
import { Product } from '../lib/product.ts'
import { atMost, type Chapter, grid } from '../lib/report.ts'
import { show } from '../lib/statistics.ts'

const GOAL = 2.5
const ROWS: readonly FlowName[] = ['cc', 'introspect', 'refresh']
const POSTGRES = 'Postgres'
const EMBEDDED = 'embedded'

export async function pglite(bench: Bench): Promise<Chapter | undefined> {
  if (!isAsked(bench, 'pglite')) return undefined
  const { options, product, tell } = bench
  tell('pglite: the embedded database against Postgres')
  const started = performance.now()
  const embedded = await Product.start({ cluster: undefined, name: 'embedded', flags: options.flags })
  const ready = performance.now() - started
  try {
    const contenders = [
      await enter(POSTGRES, product, options.workers, (worker) => product.person(worker)),
      await enter(EMBEDDED, embedded, options.workers, (worker) => embedded.person(worker)),
    ]
    const turns = await alternate(contenders, {
      ...{ rows: ROWS, rounds: options.rounds, warmUp: warmUpOf(bench), tell },
      loadOf: (row) => loadOf(bench, row),
    })
    for (const contender of contenders) contender.close()
    const held = figure(Object.values(turns).flat(), EMBEDDED, ({ memory }) => memory)
    const refresh = ratio(turns.refresh, EMBEDDED, POSTGRES)
    return {
      title: 'The embedded database',
      text: `${grid([
        ['flow', 'CPU ms, Postgres', 'CPU ms, embedded', 'ratio', 'p99 ms, Postgres / embedded'],
        ...ROWS.map((row) => {
          const p99 = (name: string) => figure(turns[row], name, (sample) => sample.p99).median.toFixed(1)
          return [
            row,
            figure(turns[row], POSTGRES, totalCpu).median.toFixed(3),
            figure(turns[row], EMBEDDED, totalCpu).median.toFixed(3),
            show(ratio(turns[row], EMBEDDED, POSTGRES)),
            `${p99(POSTGRES)} / ${p99(EMBEDDED)}`,
          ]
        }),
      ])}\n\nIt held ${show(held, 0)} MiB under load, and was set up ${(ready / 1000).toFixed(1)} s after its first start on an empty folder.`,
      verdicts: [atMost('refresh, embedded / Postgres', refresh.median, GOAL, 'x', show(refresh))],
      data: { turns, held, ready },
    }
  } finally {
    await embedded.stop()
  }
}
