/** The same flows on small and on large tables: people, and what they left behind, up to a million and three. */
import { alternate, enter, figure, ratio, type Turn, totalCpu } from '../lib/alternate.ts'
import { type Bench, isAsked, loadOf, warmUpOf } from '../lib/bench.ts'
import type { FlowName } from '../lib/options.ts'
import { Product } from '../lib/product.ts'
import { atMost, type Chapter, grid } from '../lib/report.ts'
import { show } from '../lib/statistics.ts'

const GOAL = 1.1
const ROWS: readonly FlowName[] = ['cc', 'introspect', 'userinfo', 'refresh', 'code']
const SIZES = [3, 5, 6]

export async function growth(bench: Bench): Promise<Chapter | undefined> {
  if (!isAsked(bench, 'growth')) return undefined
  const { options, cluster, tell } = bench
  const sizes = options.quick ? SIZES.slice(0, -1) : SIZES
  const products: Product[] = []
  const entered: Awaited<ReturnType<typeof enter>>[] = []
  try {
    for (const power of sizes) {
      const people = 10 ** power
      const started = performance.now()
      const product = await Product.start({ cluster, name: `rows_${power}`, flags: options.flags, people })
      products.push(product)
      // Spread over all of them, as people come.
      const personOf = (worker: number) => product.person(worker * Math.floor(people / options.workers))
      entered.push(await enter(nameOf(power), product, options.workers, personOf))
      await product.database?.addArtifacts(1, people)
      await product.database?.settle()
      tell(`growth: ${nameOf(power)} people loaded in ${Math.round((performance.now() - started) / 1000)} s`)
    }
    const turns = await alternate(entered, {
      ...{ rows: ROWS, rounds: options.rounds, warmUp: warmUpOf(bench), tell },
      loadOf: (row) => loadOf(bench, row),
    })
    const bytes = await Promise.all(products.map(bytesOf))
    return chapter(sizes, turns, bytes)
  } finally {
    for (const contender of entered) contender.close()
    for (const product of products) await product.stop()
  }
}

function chapter(
  sizes: readonly number[],
  turns: Record<FlowName, Turn[]>,
  bytes: readonly number[],
): Chapter {
  const names = sizes.map(nameOf)
  const [base = ''] = names
  const largest = names.at(-1) ?? ''
  const rows = ROWS.map((row) => [
    row,
    ...names.map((name) => figure(turns[row], name, totalCpu).median.toFixed(3)),
    ...names.slice(1).map((name) => show(ratio(turns[row], name, base))),
  ])
  const head = [
    'flow',
    ...names.map((name) => `CPU ms, ${name}`),
    ...names.slice(1).map((name) => `${name} / ${base}`),
  ]
  const size = names.map((name, index) => `${name}: ${Math.round((bytes[index] ?? 0) / 2 ** 20)} MiB`)
  return {
    title: 'Growth',
    text: `${grid([head, ...rows])}\n\nPeople; each with a grant, a refresh token and a session. The databases take ${size.join(', ')}.`,
    verdicts: ROWS.map((row) => {
      const found = ratio(turns[row], largest, base)
      return atMost(`${row}, ${largest} people / ${base}`, found.median, GOAL, 'x', show(found))
    }),
    data: { sizes, turns, bytes },
  }
}

function nameOf(power: number): string {
  return `10^${power}`
}

async function bytesOf(product: Product): Promise<number> {
  const [row] = (await product.database?.query('select pg_database_size(current_database()) as size')) ?? []
  return Number(row?.size)
}
