/** The provider behind a breakage, as a server of its own: for what asks over the network. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Mutation, Wire } from './wire.ts'

export interface BreakingProxy {
  /** stands for the issuer's: answers speak of it as of their own */
  origin: string
  /** what is broken from now on */
  break(mutation?: Mutation): void
  /** what was asked for so far: method and path */
  asked: string[]
  close(): Promise<void>
}

/** Of one connection, not of the answer. */
const PASSING = [
  'connection',
  'keep-alive',
  'transfer-encoding',
  'content-length',
  'content-encoding',
  'host',
]

export async function startBreakingProxy(issuer: string): Promise<BreakingProxy> {
  let wire = new Wire()
  const asked: string[] = []
  const server = createServer(async (req, res) => {
    const chunks: Buffer[] = []
    for await (const chunk of req) chunks.push(chunk as Buffer)
    const { method = 'GET', url: path = '/' } = req
    asked.push(`${method} ${path.split('?')[0]}`)
    const headers = Object.entries(req.headers).filter(([name]) => !PASSING.includes(name)) as [
      string,
      string,
    ][]
    const body = Buffer.concat(chunks).toString().replaceAll(origin, issuer)
    const isForm = req.headers['content-type']?.startsWith('application/x-www-form-urlencoded')
    const answer = await wire.fetch(
      issuer + path.replaceAll(encodeURIComponent(origin), encodeURIComponent(issuer)),
      {
        method,
        headers,
        ...(method === 'POST' ? { body: isForm ? new URLSearchParams(body) : body } : {}),
      },
    )
    for (const [name, value] of answer.headers)
      if (!PASSING.includes(name) && name !== 'set-cookie') res.setHeader(name, asOwn(value))
    const cookies = answer.headers.getSetCookie()
    if (cookies.length > 0) res.setHeader('set-cookie', cookies)
    res.writeHead(answer.status).end(asOwn(await answer.text()))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const asOwn = (text: string) =>
    text.replaceAll(issuer, origin).replaceAll(encodeURIComponent(issuer), encodeURIComponent(origin))
  return {
    origin,
    asked,
    break(mutation) {
      wire = new Wire(mutation)
    },
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
}
