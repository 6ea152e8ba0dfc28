/** Time for signing keys, which by the database's clock follow one another in days: it passes when a test says so. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { JSONWebKeySet } from 'jose'
import type { App } from '../../src/app.ts'
import { keysOf } from '../../src/oidc/keys.ts'
import type { Sql } from './stored-rows.ts'

/** What "within seconds" may take on a busy machine. */
const FOLLOWED_MS = 8_000

/** So much later, the schedule looks. */
export async function passTime(app: App, sql: Pick<Sql, 'query'>, seconds: number): Promise<void> {
  await sql.query('update signing_keys set since = since - make_interval(secs => $1::float8)', [seconds])
  await app.signingKeys.advance()
}

/** The keys a verifier gets, as any other gets them. */
export async function readKeys(issuer: string, headers: Record<string, string> = {}): Promise<JSONWebKeySet> {
  const answer = await fetch(`${issuer}/jwks`, { headers })
  if (answer.status !== 200) throw new Error(`/jwks answered ${answer.status}`)
  return (await answer.json()) as JSONWebKeySet
}

export const kidsOf = ({ keys }: { keys: { kid?: unknown }[] }) => keys.map(({ kid }) => String(kid))

/** Waits until a node publishes what the database says. Returns the milliseconds it took. */
export async function followed(
  app: App,
  issuer: string,
  headers: Record<string, string> = {},
): Promise<number> {
  const started = performance.now()
  const wanted = kidsOf(keysOf(await app.storage.database.signingKeys.list()).jwks).join()
  for (;;) {
    const lasted = performance.now() - started
    if (kidsOf(await readKeys(issuer, headers)).join() === wanted) return lasted
    if (lasted > FOLLOWED_MS) throw new Error(`the node did not follow the keys in ${FOLLOWED_MS} ms`)
    await sleep(20)
  }
}
