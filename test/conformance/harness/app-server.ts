/** The server of an app: documents that the provider may fetch (`jwks_uri`), and a record of what it asked for. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface AppServer {
  origin: string
  /** path -> JSON document */
  documents: Map<string, unknown>
  /** paths that were asked for */
  hits: string[]
  close(): Promise<void>
}

export async function startAppServer(): Promise<AppServer> {
  const server = createServer((req, res) => {
    const path = String(req.url)
    app.hits.push(path)
    const document = app.documents.get(path)
    res.writeHead(document === undefined ? 404 : 200, { 'content-type': 'application/json' })
    res.end(JSON.stringify(document ?? {}))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const app: AppServer = {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    documents: new Map(),
    hits: [],
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
  return app
}
