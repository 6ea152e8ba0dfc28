/** One started provider with the mirror's apps and people, for the checks of a group. */

import { type LogoutListener, listenForLogouts } from '../../support/logout-listener.ts'
import { createPerson } from '../../support/people.ts'
import { type RunningApp, type Stack, startApp } from '../../support/start-app.ts'
import type { UserAgent } from '../../support/user-agent.ts'
import { type AppServer, startAppServer } from './app-server.ts'
import { Op } from './op.ts'
import { ADA, declaredClients, JANE, WEB } from './parties.ts'
import { type Mutation, Wire } from './wire.ts'

export const INITIAL_ACCESS_TOKEN = 'an-initial-access-token-of-the-mirror-0123456789'
export const API = 'https://orders.example/api'
/** the checks of a group come from one address, many times */
const MANY = 100_000

export interface World {
  issuer: string
  listener: LogoutListener
  /** what an app serves to the provider */
  served: AppServer
  /** a browser that Ada signed in with */
  readonly ada: UserAgent
  app: RunningApp
  /** for one check: Ada is signed in; the provider is as it is, or has a breakage on the wire */
  begin(mutation?: Mutation): Promise<Op>
  close(): Promise<void>
}

export async function startWorld(stack: Stack): Promise<World> {
  const [listener, served] = await Promise.all([listenForLogouts(), startAppServer()])
  const app = await startApp({
    stack,
    settings: {
      INITIAL_ACCESS_TOKEN,
      OUTBOUND_ALLOW: [listener.origin, served.origin].join(','),
      RESOURCE_SERVERS: JSON.stringify([{ audience: API, scopes: ['orders:read'] }]),
    },
    overrides: {
      clients: await declaredClients(listener.origin),
      limits: {
        signInNetwork: MANY,
        signInStranger: MANY,
        signInMonth: MANY,
        signInDevice: MANY,
        formNetwork: MANY,
      },
    },
  })
  for (const person of [ADA, JANE]) await createPerson(app, person)
  let ada: UserAgent | undefined
  const world: World = {
    issuer: app.issuer,
    listener,
    served,
    app,
    get ada() {
      if (!ada) throw new Error('nobody is signed in yet')
      return ada
    },
    async begin(mutation) {
      const plain = new Op(world, new Wire())
      // The session's name changes when an app is allowed something; a former one works for a while only.
      const agent = ada && plain.signedInBrowser()
      ada = agent && (await plain.isSignedIn(agent, WEB)) ? agent : await plain.newSession(WEB)
      return new Op(world, new Wire(mutation))
    },
    async close() {
      await app.close()
      await Promise.all([listener.close(), served.close()])
    },
  }
  return world
}
