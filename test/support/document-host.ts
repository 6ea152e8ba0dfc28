/** A host of client ID metadata documents on loopback; its origin must be listed in OUTBOUND_ALLOW. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface DocumentHost {
  origin: string
  /** paths that were asked for, in their order */
  asked: string[]
  /** answers by path; what is not here answers 404 */
  pages: Map<string, (request: IncomingMessage, response: ServerResponse) => void>
  /** Puts a document at a path; `client_id` and a loopback redirect URI are filled in. Returns its address. */
  put(path: string, metadata?: Record<string, unknown>, headers?: Record<string, string>): string
  close(): Promise<void>
}

export async function startDocumentHost(redirectUri: string): Promise<DocumentHost> {
  const server = createServer((request, response) => {
    const path = String(request.url)
    host.asked.push(path)
    const page = host.pages.get(path)
    if (page) page(request, response)
    else response.writeHead(404).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const host: DocumentHost = {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked: [],
    pages: new Map(),
    put(path, metadata = {}, headers = {}) {
      const id = host.origin + path
      const said = { client_id: id, client_name: 'Helpful agent', redirect_uris: [redirectUri], ...metadata }
      host.pages.set(path, (_request, response) => {
        response.writeHead(200, { 'content-type': 'application/json', ...headers })
        response.end(JSON.stringify(said))
      })
      return id
    },
    async close() {
      server.closeAllConnections()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
  return host
}
