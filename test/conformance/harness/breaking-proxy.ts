/** The provider behind a breakage, as a server of its own: for what asks over the network. */
import { createServer, type RequestListener } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { type Mutation, Wire } from './wire.ts'

export interface BreakingProxy {
  /** stands for the issuer's: answers speak of it as of their own */
  origin: string
  /** what is broken from now on */
  break(mutation?: Mutation): void
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

/** @param own certificate and key for `localhost`: then it speaks https */
export async function startBreakingProxy(
  issuer: string,
  own?: { cert: string; key: string },
): Promise<BreakingProxy> {
  let wire = new Wire()
  const hand: RequestListener = async (req, res) => {
    const chunks: Buffer[] = []
    for await (const chunk of req) chunks.push(chunk as Buffer)
    const { method = 'GET', url: path = '/' } = req
    const sent = Object.entries(req.headers).filter(([name]) => !PASSING.includes(name))
    const body = Buffer.concat(chunks).toString().replaceAll(origin, issuer)
    const isForm = req.headers['content-type']?.startsWith('application/x-www-form-urlencoded')
    const target = issuer + path.replaceAll(encodeURIComponent(origin), encodeURIComponent(issuer))
    const answer = await wire.fetch(target, {
      method,
      headers: sent as [string, string][],
      ...(method === 'POST' ? { body: isForm ? new URLSearchParams(body) : body } : {}),
    })
    for (const [name, value] of answer.headers)
      if (!PASSING.includes(name) && name !== 'set-cookie') res.setHeader(name, asOwn(value))
    const cookies = answer.headers.getSetCookie()
    if (cookies.length > 0) res.setHeader('set-cookie', cookies)
    res.writeHead(answer.status).end(asOwn(await answer.text()))
  }
  const server = own ? createTlsServer(own, hand) : createServer(hand)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const origin = own ? `https://localhost:${port}` : `http://127.0.0.1:${port}`
  const asOwn = (text: string) =>
    text.replaceAll(issuer, origin).replaceAll(encodeURIComponent(issuer), encodeURIComponent(origin))
  return {
    origin,
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
