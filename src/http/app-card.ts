/** What a person is told about an application. Only text: nothing is loaded from another origin. */
import type { Client } from 'oidc-provider'
import { paths } from './urls.ts'
import type { AppCard } from './view-models.ts'

/** @param redirectUri of the request in hand: an app may have others first, of hosts that are not its own */
export function appCard(client: Client, redirectUri?: unknown): AppCard {
  const back = typeof redirectUri === 'string' ? redirectUri : client.redirectUris?.[0]
  return {
    name: client.clientName || client.clientId,
    host: isDocument(client) ? new URL(client.clientId).host : hostOf(client, back),
    policyUri: webUri(client.policyUri),
    tosUri: webUri(client.tosUri),
    clientUri: webUri(client.clientUri),
    firstParty: client.first_party === true,
    selfRegistered: client.self_registered === true,
    metadataDocument: isDocument(client),
  }
}

/** All that is known of it is the address it is described at: that host is who asks, whatever name it gives itself. */
function isDocument(client: Client): boolean {
  return client.metadata_document === true
}

/** Where "back to the app" leads: by its entrance if it has one, else its website (never a redirect URI). */
export function appHome(client: Client): string | undefined {
  return webUri(client.initiateLoginUri) ? paths.openApp(client.clientId) : webUri(client.clientUri)
}

/** The host that gets the person's data is the redirect URI's, whatever the app says its website is. */
function hostOf(client: Client, back: string | undefined): string {
  const uri = back ?? client.clientUri
  const url = uri === undefined ? null : URL.parse(uri)
  if (!url) return client.clientId
  // In a scheme of its own an app writes any host it likes.
  return /^https?:$/.test(url.protocol) ? url.host : url.protocol.replace(/:$/, '')
}

/** Checked again where it is shown: a link is http(s) or it is no link. */
function webUri(uri: string | undefined): string | undefined {
  const url = uri === undefined ? null : URL.parse(uri)
  return url && (url.protocol === 'https:' || url.protocol === 'http:') ? url.href : undefined
}
