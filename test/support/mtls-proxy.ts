/**
 * A proxy that ends TLS, asks clients for a certificate and hands it on in a header, as nginx is set up in
 * `docs/operations.md`. It speaks to Ostiary from an address of its own: nobody else's headers count.
 */
import { request as plainRequest } from 'node:http'
import { createServer, request } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { type Certificate, certificate } from './certificates.ts'
import type { Fetch } from './user-agent.ts'

/** all of 127.0.0.0/8 is this machine on Linux */
export const PROXY_ADDRESS = '127.0.0.9'

export interface MtlsProxy {
  /** https, at `localhost` */
  origin: string
  /** Ostiary, without a slash at the end; set when it is there */
  target: string
  /** whose clients count as verified */
  authority: Certificate
  /** `fetch` of somebody who shows this certificate, or none */
  fetchWith(own: Certificate | undefined): Fetch
  close(): Promise<void>
}

export async function startMtlsProxy(): Promise<MtlsProxy> {
  const authority = certificate({ subject: [['CN', 'Authority of the test']], authority: true })
  const own = certificate({ dns: ['localhost'] })
  const server = createServer(
    { cert: own.pem, key: own.keyPem, ca: authority.pem, requestCert: true, rejectUnauthorized: false },
    (incoming, outgoing) => {
      const socket = incoming.socket as TLSSocket
      const shown = socket.getPeerX509Certificate()
      // As `proxy_set_header` does: set for every request, and nothing where there is nothing.
      const {
        'client-cert': _,
        'ssl-client-cert': __,
        'ssl-client-verify': ___,
        ...passed
      } = incoming.headers
      const headers = {
        ...passed,
        'ssl-client-verify': !shown
          ? 'NONE'
          : socket.authorized
            ? 'SUCCESS'
            : 'FAILED:self-signed certificate',
        ...(shown ? { 'ssl-client-cert': encodeURIComponent(shown.toString()) } : {}),
      }
      const { hostname: host, port } = new URL(proxy.target)
      const { method, url: path } = incoming
      const options = {
        host,
        port,
        method,
        path,
        headers,
        agent: false,
        localAddress: PROXY_ADDRESS,
        family: 4,
      }
      const onward = plainRequest(options, (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.pipe(outgoing)
      })
      onward.on('error', () => outgoing.writableEnded || outgoing.writeHead(502).end())
      incoming.pipe(onward)
    },
  )
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const proxy: MtlsProxy = {
    origin: `https://localhost:${(server.address() as AddressInfo).port}`,
    target: '',
    authority,
    fetchWith: (shown) => (url, init) =>
      url.startsWith('https:')
        ? fetchOver({ ca: own.pem, cert: shown?.pem, key: shown?.keyPem }, url, init)
        : fetch(url, init),
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
  return proxy
}

/** The platform's `fetch` cannot be given a certificate. */
function fetchOver(
  tls: { ca: string; cert: string | undefined; key: string | undefined },
  url: string,
  init: RequestInit,
): Promise<Response> {
  const headers = Object.fromEntries(new Headers(init.headers))
  const body = init.body instanceof URLSearchParams ? init.body.toString() : init.body
  if (init.body instanceof URLSearchParams) headers['content-type'] ??= 'application/x-www-form-urlencoded'
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { ...tls, method: init.method, headers, agent: false }, (incoming) => {
      const chunks: Buffer[] = []
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
      incoming.on('end', () => {
        const { statusCode: status = 502 } = incoming
        const answer = Buffer.concat(chunks)
        resolve(
          new Response(answer.length > 0 ? answer : null, {
            status,
            headers: incoming.headers as HeadersInit,
          }),
        )
      })
    })
    outgoing.on('error', reject)
    outgoing.end(body as string | undefined)
  })
}
