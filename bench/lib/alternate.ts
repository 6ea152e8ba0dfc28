/** Several servers, the same operations, round after round, so that a slow minute of the machine hits them all. */

import type { Person } from './clients.ts'
import type { Address } from './http.ts'
import { type Load, measure, type Sample, type Watched } from './measure.ts'
import type { FlowName } from './options.ts'
import { type Spread, spread } from './statistics.ts'
import { type Operation, Subject } from './subject.ts'

export interface Contender<Row extends string> {
  name: string
  watched: Watched
  operation(row: Row): Operation
  /** before each of its turns */
  renew?(): Promise<void>
}

/** A server whose flows are measured: everybody signed in, everything at hand. Close it when the rounds are over. */
export async function enter(
  name: string,
  server: { address: Address; watched: Watched },
  workers: number,
  personOf: (worker: number) => Person,
): Promise<Contender<FlowName> & { close(): void }> {
  const subject = await Subject.prepare(server.address, workers, personOf)
  return {
    name,
    watched: server.watched,
    operation: (flow) => subject.operation(flow),
    renew: () => subject.renew(),
    close: () => subject.close(),
  }
}

/** The samples of one row in one round, by contender. */
export type Turn = Record<string, Sample>

export interface Schedule<Row extends string> {
  rows: readonly Row[]
  rounds: number
  loadOf: (row: Row) => Load
  /** of each row and contender, seconds */
  warmUp: number
  tell: (line: string) => void
  /** measurements of another kind that belong to the round */
  besides?: () => Promise<void>
}

export async function alternate<Row extends string>(
  contenders: readonly Contender<Row>[],
  { rows, rounds, loadOf, warmUp, tell, besides }: Schedule<Row>,
): Promise<Record<Row, Turn[]>> {
  for (const row of rows)
    for (const it of contenders)
      await measure(it.operation(row), { ...loadOf(row), seconds: warmUp }, it.watched)
  const turns = Object.fromEntries(rows.map((row) => [row, [] as Turn[]])) as Record<Row, Turn[]>
  for (let round = 0; round < rounds; round += 1) {
    await besides?.()
    // Who comes first has the others' dirt in the caches: each in its turn.
    const order = contenders.map(
      (_, index) => contenders[(index + round) % contenders.length] as Contender<Row>,
    )
    for (const row of rows) {
      const turn: Turn = {}
      for (const it of order) {
        await it.renew?.()
        turn[it.name] = await measure(it.operation(row), loadOf(row), it.watched)
      }
      turns[row].push(turn)
    }
    tell(`round ${round + 1} of ${rounds}`)
  }
  return turns
}

/** Processor milliseconds of an operation, server and databases together. */
export function totalCpu(sample: Sample | undefined): number {
  return sample === undefined ? Number.NaN : sample.cpu.app + sample.cpu.stores
}

/** What one costs as a multiple of another, round by round. */
export function ratio(turns: readonly Turn[], one: string, other: string): Spread {
  return spread(turns.map((turn) => totalCpu(turn[one]) / totalCpu(turn[other])))
}

/** A figure of one contender over the rounds. */
export function figure(turns: readonly Turn[], name: string, pick: (sample: Sample) => number): Spread {
  return spread(turns.flatMap((turn) => (turn[name] ? [pick(turn[name])] : [])))
}
