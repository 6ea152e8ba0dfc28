/** What Ostiary is measured against: the engine alone in memory, and the least that Koa can do. */
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { owned } from '../../test/support/owned-children.ts'
import { freePort } from '../../test/support/services.ts'
import { ended } from './children.ts'
import type { Address } from './http.ts'
import type { Watched } from './measure.ts'

export interface Yardstick {
  address: Address
  watched: Watched
  stop(): Promise<void>
}

/** @param file in `bench/yardsticks/`; listens on the port it is given, under the name it is given */
export async function startYardstick(file: string): Promise<Yardstick> {
  const port = await freePort()
  const issuer = 'https://engine.bench.example'
  const path = fileURLToPath(new URL(`../yardsticks/${file}`, import.meta.url))
  const stdio = ['ignore', 'ignore', 'inherit', 'ipc'] as const
  const env = { ...process.env, NODE_ENV: 'production' }
  const child = owned(fork(path, [String(port), issuer], { stdio: [...stdio], env }))
  await new Promise<void>((resolve, reject) => {
    child.once('message', () => resolve())
    child.once('exit', (code) => reject(new Error(`${file} ended with code ${code}`)))
  })
  return {
    address: { port, issuer },
    watched: { app: Number(child.pid), stores: [], written: undefined },
    stop: () => ended(child),
  }
}
