/** Users and clients as the hot path reads them: by id, for many requests at once. */
import type { Client } from '../../domain/clients/client.ts'
import type { User } from '../../domain/users/user.ts'
import type { Loader, Lookup } from './loader.ts'
import { type ClientRow, clientOf } from './repositories/clients.ts'
import { type UserRow, userOf } from './repositories/user-rows.ts'
import { isStorable } from './rows.ts'
import type { Units } from './unit.ts'

export class ById<Row, Thing> {
  readonly #lookup: Lookup<Row>
  readonly #thingOf: (row: Row) => Thing
  readonly #loader: Loader
  readonly #units: Units | undefined

  /** @param units to remember for each request what it has read */
  constructor(table: string, thingOf: (row: Row) => Thing, loader: Loader, units?: Units) {
    this.#lookup = {
      name: `find.${table}`,
      text: `select x.n::int as n, t.* from unnest($1::text[]) with ordinality as x(key, n)
        join ${table} t on t.id = x.key`,
    }
    this.#thingOf = thingOf
    this.#loader = loader
    this.#units = units
  }

  async find(id: string): Promise<Thing | undefined> {
    if (!isStorable(id)) return undefined
    const read = () => this.#loader.load(this.#lookup, id)
    const row = await (this.#units?.current?.once(`${this.#lookup.name}\0${id}`, read) ?? read())
    return row && this.#thingOf(row)
  }

  /** Reads ahead: what is asked for next is on its way already. */
  foresee(id: string): void {
    this.find(id).catch(() => {})
  }
}

export function usersById(loader: Loader, units: Units): ById<UserRow, User> {
  return new ById('users', userOf, loader, units)
}

/** Not remembered: what is kept of clients must never be older than the change counter it was compared with. */
export function clientsById(loader: Loader): ById<ClientRow, Client> {
  return new ById('clients', clientOf, loader)
}
