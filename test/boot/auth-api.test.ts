/** `AUTH_API` at the start: said in production when it is on, and nothing left of it when it is off. */
import { expect } from 'chai'
import { createApp } from '../../src/app.ts'
import { API_CLIENT } from '../../src/oidc/api-client.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { login } from '../support/auth-api.ts'
import { newPostgresDatabase } from '../support/backends.ts'
import { ChildApp, productionSettings } from '../support/child-app.ts'
import { startNodes } from '../support/nodes.ts'
import { createPerson } from '../support/people.ts'
import { send } from '../support/protocol.ts'

describe('the sign-in by the API, at the start', function () {
  this.timeout(120_000)

  it('is off in production, and the log says so when it is on', async () => {
    const database = await newPostgresDatabase()
    const settings = productionSettings({ DATABASE_URL: database.url, LOG_LEVEL: 'info' })
    try {
      for (const [AUTH_API, warned] of [
        ['', false],
        ['on', true],
      ] as const) {
        const app = await ChildApp.start({ ...settings, AUTH_API })
        try {
          const said = app.lines.some(({ msg }) => String(msg).startsWith('AUTH_API=on'))
          expect(said, `AUTH_API=${AUTH_API}`).to.equal(warned)
        } finally {
          await app.dispose()
        }
      }
    } finally {
      await database.drop()
    }
  })

  it('takes its client and every token of it away when it is switched off', async () => {
    const nodes = await startNodes(1)
    try {
      const [app] = nodes.apps
      if (!app) throw new Error('no node')
      const email = 'before@example.org'
      await createPerson({ app, config: app.config, secrets: nodes.secrets }, { email })
      const { access_token: bearer } = await login(nodes, email)
      const me = () => send('GET', `${nodes.issuer}/api/v1/users/me`, undefined, { bearer })
      expect((await me()).status).to.equal(200)
      const config = { ...app.config, api: { ...app.config.api, auth: false } }
      for (let starts = 0; starts < 2; starts += 1) {
        const off = await createApp(config, nodes.secrets, createLogger('silent'))
        expect(await off.storage.database.clients.find(API_CLIENT)).to.equal(undefined)
        await off.close()
      }
      expect((await me()).status).to.equal(401)
    } finally {
      await nodes.close()
    }
  })
})
