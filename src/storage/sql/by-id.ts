/** Users, clients and APIs as the hot path reads them: by id, for many requests at once. */
import type { Client } from '../../domain/clients/client.ts'
import type { ResourceServer } from '../../domain/resources/resource-server.ts'
import type { User } from '../../domain/users/user.ts'
import { foundColumns, type Loader, type Lookup } from './loader.ts'
import { type ClientRow, clientOf } from './repositories/clients.ts'
import { type ResourceServerRow, resourceServerOf } from './repositories/resource-servers.ts'
import { type UserRow, userOf } from './repositories/user-rows.ts'
import { isStorable } from './rows.ts'
import type { Units } from './unit.ts'

export class ById<Row, Thing> {
  readonly #lookup: Lookup
  readonly #thingOf: (row: Row) => Thing
  readonly #loader: Loader
  readonly #units: Units | undefined

  /** @param units to remember for each request what it has read */
  constructor(table: string, thingOf: (row: Row) => Thing, loader: Loader, units?: Units) {
    this.#lookup = {
      name: table,
      type: 'text',
      select: (from) =>
        `${foundColumns({ payload: 'to_jsonb(t)::text' })} from ${from} join ${table} t on t.id = x.key`,
    }
    this.#thingOf = thingOf
    this.#loader = loader
    this.#units = units
  }

  async find(id: string): Promise<Thing | undefined> {
    if (!isStorable(id)) return undefined
    const read = () => this.#loader.load(this.#lookup, id)
    const row = await (this.#units?.current?.once(`${this.#lookup.name}\0${id}`, read) ?? read())
    return row && this.#thingOf(JSON.parse(row.payload))
  }

  /** Reads ahead: what is asked for next is on its way already. */
  foresee(id: string): void {
    this.find(id).catch(() => {})
  }
}

export function usersById(loader: Loader, units: Units): ById<UserRow, User> {
  return new ById('users', (row: UserRow) => userOf(withDates(row)), loader, units)
}

/** Not remembered: what is kept of clients must never be older than the change counter it was compared with. */
export function clientsById(loader: Loader): ById<ClientRow, Client> {
  return new ById('clients', clientOf, loader)
}

/** Not remembered, for the same reason. */
export function resourceServersById(loader: Loader): ById<ResourceServerRow, ResourceServer> {
  return new ById('resource_servers', resourceServerOf, loader)
}

/** JSON has no dates. */
function withDates(row: UserRow): UserRow {
  return {
    ...row,
    access_from: row.access_from && new Date(row.access_from),
    created_at: new Date(row.created_at),
    updated_at: new Date(row.updated_at),
  }
}
