/** The figures as a Markdown table: medians over the rounds, and ratios round by round as min/median/max. */
import { cpus, totalmem } from 'node:os'
import type { FlowName } from './flows.ts'
import type { Sample } from './measure.ts'

export interface Round {
  /** CPU milliseconds a bare Koa POST costs in this round */
  hello: Sample
  flows: { flow: FlowName; ostiary: Sample; engine: Sample }[]
}

const total = ({ cpu }: Sample) => cpu.app + cpu.database

function sorted(values: readonly number[]): number[] {
  return [...values].sort((a, b) => a - b)
}

export function median(values: readonly number[]): number {
  const all = sorted(values)
  const middle = all.length >> 1
  return all.length % 2 === 1 ? (all[middle] ?? 0) : ((all[middle - 1] ?? 0) + (all[middle] ?? 0)) / 2
}

function spread(values: readonly number[], digits: number): string {
  const all = sorted(values)
  return [all[0] ?? 0, median(all), all.at(-1) ?? 0].map((value) => value.toFixed(digits)).join('/')
}

export function machine(): string {
  const all = cpus()
  return `${all.length} x ${all[0]?.model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux, Node ${process.version}`
}

export function table(rounds: readonly Round[], flows: readonly FlowName[]): string {
  const rows = flows.map((flow) => {
    const pairs = rounds.flatMap(({ hello, flows: measured }) =>
      measured.filter((it) => it.flow === flow).map((it) => ({ ...it, hello })),
    )
    const of = (pick: (pair: (typeof pairs)[number]) => number) => pairs.map(pick)
    return [
      flow,
      median(of(({ ostiary }) => total(ostiary))).toFixed(2),
      `${median(of(({ ostiary }) => ostiary.cpu.app)).toFixed(2)} + ${median(of(({ ostiary }) => ostiary.cpu.database)).toFixed(2)}`,
      median(of(({ engine }) => total(engine))).toFixed(2),
      spread(
        of(({ ostiary, engine }) => total(ostiary) / total(engine)),
        2,
      ),
      spread(
        of(({ ostiary, hello }) => total(ostiary) / total(hello)),
        1,
      ),
      `${median(of(({ ostiary }) => ostiary.perSecond)).toFixed(0)} / ${median(of(({ engine }) => engine.perSecond)).toFixed(0)}`,
      `${median(of(({ ostiary }) => ostiary.p50)).toFixed(1)} / ${median(of(({ ostiary }) => ostiary.p99)).toFixed(1)}`,
      `${median(of(({ engine }) => engine.p50)).toFixed(1)} / ${median(of(({ engine }) => engine.p99)).toFixed(1)}`,
    ]
  })
  return grid([
    [
      'flow',
      'Ostiary CPU ms/op',
      'app + Postgres',
      'engine CPU ms/op',
      'Ostiary / engine',
      'Ostiary / Koa POST',
      'ops/s (Ostiary / engine)',
      'Ostiary p50 / p99 ms',
      'engine p50 / p99 ms',
    ],
    ...rows,
  ])
}

export function footnotes(rounds: readonly Round[]): string[] {
  const samples = rounds.flatMap(({ hello, flows }) => [
    hello,
    ...flows.flatMap(({ ostiary, engine }) => [ostiary, engine]),
  ])
  const share = (values: number[]) => `${Math.round(100 * median(values))} %`
  return [
    `Koa POST: ${spread(
      rounds.map(({ hello }) => total(hello)),
      3,
    )} CPU ms/op, ${median(rounds.map(({ hello }) => hello.perSecond)).toFixed(0)} ops/s.`,
    `The load itself used ${share(samples.map((sample) => sample.generatorCpu))} of a core; other programs on the machine ${share(samples.map((sample) => sample.foreignCpu))} of all cores (medians).`,
    `${samples.reduce((sum, sample) => sum + sample.operations, 0)} operations, every answer checked.`,
  ]
}

function grid(rows: string[][]): string {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? []
  const line = (row: string[]) =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`
  const [head = [], ...body] = rows
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`
  return [line(head), rule, ...body.map(line)].join('\n')
}
