/** Explains a record with what is registered now. */
import type { ClientRepository, FailureRepository, ResourceServerRepository } from '../ports.ts'
import { explain } from './explain.ts'
import { type FailureRecord, tidyFailureCode } from './record.ts'
import type { Explanation, Known } from './rule.ts'

export interface ExplainDeps {
  clients: Pick<ClientRepository, 'find' | 'list'>
  resourceServers: Pick<ResourceServerRepository, 'list'>
  /** what this installation knows besides */
  server: Pick<Known, 'issuer' | 'scopes'>
}

export class Explainer {
  readonly #deps: ExplainDeps

  constructor(deps: ExplainDeps) {
    this.#deps = deps
  }

  /** @param reader an operator may learn which client ids there are; nobody else does */
  async explain(failure: FailureRecord, reader: 'operator' | 'stranger'): Promise<Explanation> {
    const { clients, resourceServers, server } = this.#deps
    const { clientId } = failure
    const client = clientId === undefined ? undefined : await clients.find(clientId)
    const unknown = clientId !== undefined && client === undefined
    const clientIds = unknown && reader === 'operator' ? (await clients.list()).map(({ id }) => id) : []
    const resources = (await resourceServers.list())
      .filter(({ status }) => status === 'active')
      .map(({ audience, scopes }) => ({ audience, scopes: scopes.map(({ name }) => name) }))
    return explain(failure, { ...server, resources, client, clientIds })
  }
}

/** By code, as people type it, or by request id. `undefined`: there is none, or no longer. */
export async function findFailure(
  failures: FailureRepository,
  typed: string,
): Promise<FailureRecord | undefined> {
  const code = tidyFailureCode(typed)
  const byCode = code === undefined ? undefined : await failures.findByCode(code)
  return byCode ?? failures.findByRequestId(typed.trim())
}
