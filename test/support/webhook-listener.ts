/** An endpoint that is told of events: a real HTTP server that keeps what it is sent, as it came. */
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export interface Call {
  path: string
  headers: IncomingHttpHeaders
  body: string
  /** what it says, if it is JSON */
  said: { type: string; timestamp: string; data: Record<string, unknown> }
}

export interface WebhookListener {
  origin: string
  calls: Call[]
  /** what it answers from now on */
  status: number
  /** where a redirect leads */
  location: string | undefined
  /** how long it thinks before it answers */
  delayMs: number
  /** Waits for calls of this type; then for as long as another may need to come, if one should not. */
  heard(type: string, count?: number): Promise<Call[]>
  close(): Promise<void>
}

export async function listenForWebhooks(): Promise<WebhookListener> {
  const server = createServer(async (req, res) => {
    const chunks: Buffer[] = []
    for await (const chunk of req) chunks.push(chunk as Buffer)
    const body = Buffer.concat(chunks).toString()
    listener.calls.push({
      path: String(req.url),
      headers: req.headers,
      body,
      said: body ? JSON.parse(body) : {},
    })
    await sleep(listener.delayMs)
    res.statusCode = listener.status
    if (listener.location) res.setHeader('location', listener.location)
    res.end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const listener: WebhookListener = {
    origin: `http://127.0.0.1:${port}`,
    calls: [],
    status: 200,
    location: undefined,
    delayMs: 0,
    async heard(type, count = 1) {
      const heard = () => listener.calls.filter(({ said }) => said.type === type)
      for (let tries = 0; tries < 1200 && heard().length < count; tries += 1) await sleep(25)
      if (heard().length < count) throw new Error(`${heard().length} of ${count} calls of ${type} came`)
      await sleep(150)
      return heard()
    },
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
  return listener
}
