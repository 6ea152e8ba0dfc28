/** The engine as the rest of Ostiary sees it. Holds the live Provider, so that a later one can take its place. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type Provider from 'oidc-provider'
import type { Client, Grant, Interaction, InteractionResults } from 'oidc-provider'
import { isSame } from '../domain/authorization/json.ts'
import type { AuthorizationDetail } from '../domain/authorization/type.ts'
import type { Asked } from './grants.ts'
import { addTo } from './grants.ts'

export class Engine {
  #provider: Provider

  constructor(provider: Provider) {
    this.#provider = provider
  }

  /** The live one. Ask again for each request: another may take its place. */
  get provider(): Provider {
    return this.#provider
  }

  /** Requests that begin from now on are the new one's. */
  replace(provider: Provider): void {
    this.#provider = provider
  }

  /** Keys that sign cookies; the outer Koa app must use the same. */
  get cookieKeys(): string[] {
    return this.provider.keys as string[]
  }

  /** The interaction of this browser (by its cookie). Throws the engine's `SessionNotFound`. */
  interaction(req: IncomingMessage, res: ServerResponse): Promise<Interaction> {
    return this.provider.interactionDetails(req, res)
  }

  client(id: string): Promise<Client | undefined> {
    return this.provider.Client.find(id)
  }

  /** Stores what the interaction came to; returns where to send the browser. */
  finish(req: IncomingMessage, res: ServerResponse, result: InteractionResults): Promise<string> {
    return this.provider.interactionResult(req, res, result, { mergeWithLastSubmission: true })
  }

  /** Gives up: the app gets an OAuth error (RFC 6749 4.1.2.1). */
  abort(req: IncomingMessage, res: ServerResponse, description: string): Promise<string> {
    return this.provider.interactionResult(
      req,
      res,
      { error: 'access_denied', error_description: description },
      { mergeWithLastSubmission: false },
    )
  }

  /** What the app has been granted in this session so far. */
  async granted(interaction: Interaction): Promise<Asked> {
    const grant = interaction.grantId ? await this.provider.Grant.find(interaction.grantId) : undefined
    const resources = Object.keys(grant?.resources ?? {})
    return {
      scopes: (grant?.getOIDCScope() ?? '').split(' ').filter((scope) => scope !== ''),
      claims: grant?.getOIDCClaims() ?? [],
      resources: Object.fromEntries(
        resources.map((resource) => [resource, grant?.getResourceScope(resource).split(' ') ?? []]),
      ),
    }
  }

  /**
   * Writes the Grant that a consent came to, extending the one of this session. Returns its id.
   * @param details that need not be asked for again in this session
   */
  async grant(
    interaction: Interaction,
    accountId: string,
    clientId: string,
    granted: Asked,
    refused: string[],
    details: readonly AuthorizationDetail[] = [],
  ): Promise<string> {
    const { provider } = this
    // The page may have been open for long: in another tab the app may have got its grant of this session since.
    const uid = interaction.session?.uid
    const session = uid ? await provider.Session.findByUid(uid) : undefined
    const grantId = session?.grantIdFor(clientId) ?? interaction.grantId
    const existing = grantId ? await provider.Grant.find(grantId) : undefined
    const usable = existing?.accountId === accountId && existing.clientId === clientId ? existing : undefined
    const grant: Grant = usable ?? new provider.Grant({ accountId, clientId })
    forgetRefusals(grant, granted.scopes)
    addTo(grant, granted)
    if (refused.length > 0) grant.rejectOIDCScope(refused.join(' '))
    rememberDetails(grant, details)
    return grant.save()
  }
}

/** A scope refused before and allowed now is allowed. */
function forgetRefusals(grant: Grant, scopes: readonly string[]): void {
  const refused = grant.rejected?.openid
  if (!refused?.scope) return
  refused.scope = refused.scope
    .split(' ')
    .filter((scope) => !scopes.includes(scope))
    .join(' ')
}

/** The newest ones: what was forgotten is asked again. */
const DETAILS_KEPT = 20

function rememberDetails(grant: Grant, details: readonly AuthorizationDetail[]): void {
  const { rar: before = [] } = grant
  const unseen = details.filter((detail) => !before.some((one) => isSame(one, detail)))
  if (unseen.length > 0) grant.rar = [...before, ...unseen].slice(-DETAILS_KEPT)
}
