/** The back-channel end of an app: a real HTTP server that keeps the logout tokens it is sent. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export interface LogoutListener {
  origin: string
  received: { path: string; contentType: string | undefined; token: string }[]
  /** what it answers from now on */
  status: number
  /** how long it thinks before it answers */
  delayMs: number
  /** Waits for so many; then for as long as another may need to come, if one should not. */
  heard(count: number): Promise<LogoutListener['received']>
  close(): Promise<void>
}

export async function listenForLogouts(): Promise<LogoutListener> {
  const server: Server = createServer(async (req, res) => {
    const chunks: Buffer[] = []
    for await (const chunk of req) chunks.push(chunk as Buffer)
    const token = new URLSearchParams(Buffer.concat(chunks).toString()).get('logout_token') ?? ''
    listener.received.push({ path: String(req.url), contentType: req.headers['content-type'], token })
    await sleep(listener.delayMs)
    res.statusCode = listener.status
    res.end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const listener: LogoutListener = {
    origin: `http://127.0.0.1:${port}`,
    received: [],
    status: 200,
    delayMs: 0,
    async heard(count) {
      for (let tries = 0; tries < 400 && listener.received.length < count; tries += 1) await sleep(25)
      if (listener.received.length < count)
        throw new Error(`${listener.received.length} of ${count} notices came`)
      await sleep(150)
      return listener.received
    },
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
  return listener
}
