/** The back-channel end of an app: a real HTTP server that keeps the logout tokens it is sent. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface LogoutListener {
  origin: string
  received: { path: string; contentType: string | undefined; token: string }[]
  /** what it answers from now on */
  status: number
  close(): Promise<void>
}

export async function listenForLogouts(): Promise<LogoutListener> {
  const server: Server = createServer(async (req, res) => {
    const chunks: Buffer[] = []
    for await (const chunk of req) chunks.push(chunk as Buffer)
    const token = new URLSearchParams(Buffer.concat(chunks).toString()).get('logout_token') ?? ''
    listener.received.push({ path: String(req.url), contentType: req.headers['content-type'], token })
    res.statusCode = listener.status
    res.end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const listener: LogoutListener = {
    origin: `http://127.0.0.1:${port}`,
    received: [],
    status: 200,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
  return listener
}
