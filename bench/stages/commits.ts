/** What a request makes durable: transactions that wrote, and waits for the disk. Counted by the database itself. */
import { enter } from '../lib/alternate.ts'
import { type Bench, isAsked } from '../lib/bench.ts'
import { Connection } from '../lib/http.ts'
import { measure } from '../lib/measure.ts'
import type { FlowName } from '../lib/options.ts'
import { atMost, type Chapter, grid, type Verdict } from '../lib/report.ts'
import { newcomers } from './sign-in.ts'

const WRITING: readonly FlowName[] = ['cc', 'cc-jwt', 'refresh', 'code']
/** requests of one operation */
const REQUESTS: Partial<Record<FlowName, number>> = { code: 2 }
/** Housekeeping of the product and the database may write now and then. */
const SLACK = 0.03

export async function commits(bench: Bench): Promise<Chapter | undefined> {
  if (!isAsked(bench, 'commits')) return undefined
  const { options, product, tell } = bench
  const { database } = product
  if (!database) return undefined
  tell('commits: with pauses of ten seconds, after which the database tells what it counted')
  const contender = await enter('Ostiary', product, options.workers, (worker) => product.person(worker))
  const connection = new Connection(product.address, options.workers)
  const signingIn = newcomers(product, connection, 6000)
  const rows: { flow: string; workers: number; requests: number; written: number; syncs: number }[] = []
  let syncs = await database.walSyncs()
  const count = async (
    flow: string,
    operation: (worker: number) => Promise<void>,
    workers: number,
    requestsOf: () => number,
  ) => {
    const sample = await measure(operation, { workers, seconds: options.seconds }, product.watched)
    const now = await database.walSyncs()
    const requests = requestsOf() || sample.operations * (REQUESTS[flow as FlowName] ?? 1)
    rows.push({
      flow,
      workers,
      requests,
      written: (sample.written * sample.operations) / requests,
      syncs: (now - syncs) / requests,
    })
    syncs = now
  }
  for (const flow of WRITING) await count(flow, contender.operation(flow), options.workers, () => 0)
  await count('refresh', contender.operation('refresh'), 1, () => 0)
  await count('sign-in', signingIn, Math.min(4, options.workers), () => connection.sent)
  contender.close()
  connection.close()
  const verdicts: Verdict[] = rows.map(({ flow, workers, written }) => ({
    ...atMost(`commits a request, ${flow}, ${workers} at once`, written, 1 + SLACK, '', written.toFixed(2)),
    goal: 'at most 1',
  }))
  return {
    title: 'Durable commits',
    text: grid([
      ['flow', 'at once', 'requests', 'writing transactions / request', 'waits for the disk / request'],
      ...rows.map(({ flow, workers, requests, written, syncs: waits }) => [
        flow,
        String(workers),
        String(requests),
        written.toFixed(2),
        waits.toFixed(2),
      ]),
    ]),
    verdicts,
    data: rows,
  }
}
