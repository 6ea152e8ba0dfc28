/** Each flow on Ostiary and on the engine in memory, in alternation, with a bare Koa GET and POST in every round. */
import { alternate, enter, figure, ratio, type Turn, totalCpu } from '../lib/alternate.ts'
import { type Bench, isAsked, loadOf, warmUpOf } from '../lib/bench.ts'
import { Connection } from '../lib/http.ts'
import { measure, type Sample } from '../lib/measure.ts'
import { FLOWS, type FlowName } from '../lib/options.ts'
import { atMost, type Chapter, grid, type Verdict } from '../lib/report.ts'
import { show, spread } from '../lib/statistics.ts'
import type { Operation } from '../lib/subject.ts'

export const OSTIARY = 'Ostiary'
const ENGINE = 'engine'
const AGAINST = 'the other'
const KOA = 'koa'

/** In multiples of the engine in memory, and of a bare Koa GET or POST. */
export const GOALS: Partial<Record<FlowName, { engine?: number; koa: number }>> = {
  discovery: { koa: 1.5 },
  jwks: { koa: 1.5 },
  cc: { engine: 1.5, koa: 8 },
  'cc-jwt': { engine: 1.1, koa: 11 },
  introspect: { engine: 1.2, koa: 5.5 },
  userinfo: { engine: 1.2, koa: 6 },
  refresh: { engine: 1.5, koa: 19 },
  code: { engine: 1.7, koa: 46 },
}

/** MiB; at the end of any measurement */
const MEMORY_GOAL = 190
type Method = 'GET' | 'POST'
const methodOf = (flow: FlowName): Method => (flow === 'discovery' || flow === 'jwks' ? 'GET' : 'POST')

export async function flows(bench: Bench): Promise<Chapter | undefined> {
  const { options, product, engine, koa, against, tell } = bench
  const asked = FLOWS.filter((flow) => isAsked(bench, flow))
  if (asked.length === 0) return undefined
  const personOf = (worker: number) => product.person(worker)
  const contenders = [
    await enter(OSTIARY, product, options.workers, personOf),
    await enter(ENGINE, engine, options.workers, personOf),
    ...(against ? [await enter(AGAINST, against, options.workers, personOf)] : []),
  ]
  const greeting = new Connection(koa.address, options.workers)
  const floor: Record<Method, Sample[]> = { GET: [], POST: [] }
  const besides = async () => {
    for (const method of ['GET', 'POST'] as const)
      floor[method].push(await measure(greet(greeting, method), loadOf(bench), koa.watched))
  }
  tell(`flows: ${asked.join(', ')}`)
  await besides()
  floor.GET.pop()
  floor.POST.pop()
  const turns = await alternate(contenders, {
    ...{ rows: asked, rounds: options.rounds, warmUp: warmUpOf(bench), besides, tell },
    loadOf: (flow) => loadOf(bench, flow),
  })
  // The floor is of the same minute as what is compared with it.
  for (const flow of asked)
    for (const [round, turn] of turns[flow].entries()) turn[KOA] = floor[methodOf(flow)][round] as Sample
  for (const contender of contenders) contender.close()
  greeting.close()
  return {
    title: 'Flows',
    text: `${table(asked, turns, against !== undefined)}\n\n${footnotes(turns, floor).join('\n')}`,
    verdicts: verdicts(asked, turns),
    data: { turns, floor },
  }
}

function greet(connection: Connection, method: Method): Operation {
  return async () => {
    if (method === 'GET') {
      const { hello } = await connection.json({ method, path: '/' })
      if (hello !== 'world') throw new Error('Koa did not greet')
      return
    }
    const { size } = await connection.json({ method, path: '/', form: { grant_type: 'client_credentials' } })
    if (size !== 29) throw new Error('Koa did not read the body')
  }
}

function table(asked: readonly FlowName[], turns: Record<FlowName, Turn[]>, hasOther: boolean): string {
  const rows = asked.map((flow) => {
    const of = (name: string, pick: Parameters<typeof figure>[2]) => figure(turns[flow], name, pick).median
    const pair = (pick: Parameters<typeof figure>[2], digits: number) =>
      `${of(OSTIARY, pick).toFixed(digits)} / ${of(ENGINE, pick).toFixed(digits)}`
    return [
      flow,
      of(OSTIARY, totalCpu).toFixed(3),
      `${of(OSTIARY, ({ cpu }) => cpu.app).toFixed(3)} + ${of(OSTIARY, ({ cpu }) => cpu.stores).toFixed(3)}`,
      of(ENGINE, totalCpu).toFixed(3),
      show(ratio(turns[flow], OSTIARY, ENGINE)),
      show(ratio(turns[flow], OSTIARY, KOA), 1),
      of(OSTIARY, ({ written }) => written).toFixed(2),
      pair(({ perSecond }) => perSecond, 0),
      pair(({ p50 }) => p50, 1),
      pair(({ p99 }) => p99, 1),
      ...(hasOther ? [show(ratio(turns[flow], OSTIARY, AGAINST))] : []),
    ]
  })
  const head = [
    ...['flow', 'CPU ms', 'app + database', 'engine CPU ms', '/ engine', '/ Koa', 'commits'],
    ...['ops/s', 'p50 ms', 'p99 ms'],
    ...(hasOther ? [`/ ${AGAINST}`] : []),
  ]
  return grid([head, ...rows])
}

function footnotes(turns: Record<FlowName, Turn[]>, floor: Record<Method, Sample[]>): string[] {
  const samples = Object.values(turns).flatMap((list) => list.flatMap((turn) => Object.values(turn)))
  const share = (values: number[]) => `${Math.round(100 * spread(values).median)} %`
  const memory = samplesOf(turns).map(({ memory: held }) => held)
  return [
    'CPU: milliseconds of an operation, medians; ratios of it, round by round: min/median/max. ops/s, p50 and p99: Ostiary / engine.',
    `A bare Koa GET cost ${show(spread(floor.GET.map(totalCpu)), 4)} CPU ms, a POST ${show(spread(floor.POST.map(totalCpu)), 4)}.`,
    `Ostiary held ${show(spread(memory), 0)} MiB under load.`,
    `The load used ${share(samples.map((sample) => sample.generatorCpu))} of a core; other programs ${share(samples.map((sample) => sample.foreignCpu))} of the machine (medians).`,
    `${samples.reduce((sum, { operations }) => sum + operations, 0)} operations, every answer checked.`,
  ]
}

function samplesOf(turns: Record<FlowName, Turn[]>) {
  return Object.values(turns).flatMap((list) => list.flatMap((turn) => turn[OSTIARY] ?? []))
}

function verdicts(asked: readonly FlowName[], turns: Record<FlowName, Turn[]>): Verdict[] {
  const ofFlows = asked.flatMap((flow) => {
    const goal = GOALS[flow]
    if (!goal) return []
    const kinds = [
      ['engine', ENGINE, goal.engine],
      [`Koa ${methodOf(flow)}`, KOA, goal.koa],
    ] as const
    return kinds.flatMap(([label, other, value]) => {
      if (value === undefined) return []
      const found = ratio(turns[flow], OSTIARY, other)
      return [atMost(`${flow} / ${label}`, found.median, value, 'x', show(found))]
    })
  })
  const held = Math.max(...samplesOf(turns).map(({ memory }) => memory))
  return [...ofFlows, atMost('memory under load', held, MEMORY_GOAL, ' MiB')]
}
