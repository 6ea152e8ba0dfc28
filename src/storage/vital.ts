/**
 * What no request can do without: a database that answers, and a clock that agrees with its. What expires does so by the
 * database's clock, but the engine dates what it issues by this machine's: a node that is minutes off would issue tokens
 * that are expired, or not valid yet, wherever else they are shown. It must not be sent requests.
 */
import { type Health, healthOf } from './health.ts'
import type { SqlConnection } from './sql/connection.ts'

/** Readers of our tokens allow about this much. */
export const MAX_SKEW_MS = 5000

export type VitalHealth = {
  database: Health
  /** not known while the database does not answer */
  clock?: Health
}

export async function vitalHealth(connection: SqlConnection): Promise<VitalHealth> {
  let skewMs = 0
  const database = await healthOf(async () => {
    const asked = Date.now()
    const { rows } = await connection.query<{ now: number }>({
      name: 'health',
      text: 'select (extract(epoch from clock_timestamp()) * 1000)::float8 as now',
      values: [],
    })
    skewMs = skewOf(rows[0]?.now ?? asked, asked, Date.now())
  })
  if (database.state === 'down') return { database }
  const { latencyMs } = database
  const far = Math.abs(skewMs) > MAX_SKEW_MS
  const detail = `${Math.round(Math.abs(skewMs) / 1000)} seconds ${skewMs > 0 ? 'ahead of' : 'behind'} the database`
  return { database, clock: far ? { state: 'down', latencyMs, detail } : { state: 'up', latencyMs } }
}

/** How far we are ahead. The database read its clock at some moment between our asking and its answer. */
function skewOf(theirs: number, asked: number, answered: number): number {
  if (theirs < asked) return asked - theirs
  if (theirs > answered) return answered - theirs
  return 0
}
