/** A request as somebody sends it who writes HTTP by hand: any Host, any header. */
import { request } from 'node:http'

export interface RawAnswer {
  status: number
  headers: Record<string, string | string[] | undefined>
  text: string
}

/**
 * @param port of this machine; the connection goes there whatever the headers say
 * @param from which address of this machine it comes
 */
export function rawRequest(
  port: number | string,
  method: string,
  path: string,
  headers: Record<string, string>,
  body = '',
  from = '127.0.0.1',
): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const to = { host: '127.0.0.1', port, localAddress: from }
    const outgoing = request({ ...to, method, path, headers, agent: false }, (incoming) => {
      const chunks: Buffer[] = []
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
      incoming.on('end', () =>
        resolve({
          status: incoming.statusCode ?? 0,
          headers: incoming.headers,
          text: Buffer.concat(chunks).toString(),
        }),
      )
    })
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}
