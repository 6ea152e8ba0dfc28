/** Opens an application by its own entrance (OpenID Connect Core 1.0, 4): the way of the start page and of links in it. */
import Router from '@koa/router'
import { initiationOf } from '../domain/clients/initiate-login.ts'
import type { ClientRepository } from '../domain/ports.ts'
import { Problem } from './problem.ts'
import { OPEN_APP, paths } from './urls.ts'

export interface OpenAppDeps {
  clients: Pick<ClientRepository, 'find'>
  issuer: string
}

export function openApp({ clients, issuer }: OpenAppDeps): Router {
  const router = new Router()
  router.get(OPEN_APP, async (ctx) => {
    const { client_id: id, target_link_uri: target, login_hint: loginHint } = ctx.query
    if (typeof id !== 'string' || Array.isArray(target) || Array.isArray(loginHint))
      throw new Problem('invalid-request')
    const client = await clients.find(id)
    if (client?.status !== 'active' || client.metadata.initiate_login_uri === undefined)
      throw new Problem('unknown-client')
    const to = initiationOf(client.metadata, { issuer, target, loginHint })
    if (to === undefined) throw new Problem('invalid-request')
    ctx.status = 303
    ctx.redirect(to)
  })
  return router
}

/** Shown at most. */
const MOST = 50

export interface OpenableApp {
  name: string
  host: string
  url: string
}

/** By name, those with an entrance. Everybody sees them, so only the operator's: none that registered itself. */
export async function openableApps(clients: Pick<ClientRepository, 'list'>): Promise<OpenableApp[]> {
  const apps = (await clients.list()).flatMap(({ id, source, status, metadata }): OpenableApp[] => {
    const entrance = URL.parse(String(metadata.initiate_login_uri))
    if (source !== 'configuration' || status !== 'active' || !entrance) return []
    return [{ name: String(metadata.client_name ?? id), host: entrance.host, url: paths.openApp(id) }]
  })
  return apps.sort((a, b) => a.name.localeCompare(b.name, 'en')).slice(0, MOST)
}
