/**
 * The way to one SQL database. Two implementations obtain it (`connect-postgres.ts`, `connect-pglite.ts`);
 * every difference between the two engines lives in those files, everything else here is the same SQL.
 */
import type { Knex } from 'knex'

/** One statement with a name of its own: where the engine can, it is prepared once per connection. */
export interface Statement {
  name: string
  text: string
  values: unknown[]
}

export interface Result<Row> {
  rows: Row[]
  /** rows returned, or changed by an INSERT, UPDATE or DELETE */
  rowCount: number
}

export interface SqlConnection {
  readonly kind: 'postgres' | 'pglite'
  /** for repositories and transactions; not for the hot path */
  readonly knex: Knex
  /** Runs one statement in a transaction of its own. */
  query<Row = Record<string, unknown>>(statement: Statement): Promise<Result<Row>>
  /** The hot path's reads: look-ups by key. */
  read<Row>(statement: Statement): Promise<Row[]>
  /** reads that may be on their way at once */
  readonly readLanes: number
  /** The hot path's commits: one writing statement is one transaction, durable when it answers. */
  commit<Row>(statement: Statement): Promise<Row[]>
  /** commits that may be on their way at once */
  readonly commitLanes: number
  /** Runs `work` without the usual time limits, alone among all processes of this database: for migrations. */
  exclusively<T>(work: (knex: Knex) => Promise<T>): Promise<T>
  /** Runs `work` on a connection of its own without the usual time limits, beside everybody else: for backups. */
  apart<T>(work: (knex: Knex) => Promise<T>): Promise<T>
  /** connections to a server; undefined: there is none */
  pool(): PoolLoad | undefined
  close(): Promise<void>
}

export interface PoolLoad {
  open: number
  idle: number
  /** who wait for one */
  waiting: number
}

/** For every knex here. Whatever goes wrong reaches the caller as an error, which must hold no values. */
export const quietKnex = {
  // The values of a statement would be in the error's message, and so in the log: password hashes, addresses.
  compileSqlOnError: false,
  // By default to the console.
  log: { warn() {}, error() {}, deprecate() {}, debug() {} },
}

/** int8 as number while that is exact, else as bigint. */
export function parseInt8(text: string): number | bigint {
  const value = Number(text)
  return Number.isSafeInteger(value) ? value : BigInt(text)
}
