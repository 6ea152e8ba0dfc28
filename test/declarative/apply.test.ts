/** Declarations on a running deployment: planned, applied, drifted, refused, and applied by two at once. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import * as client from 'openid-client'
import { declarative } from '../../src/app-declarative.ts'
import { dataKeys } from '../../src/app-parts.ts'
import { Keyring } from '../../src/crypto/keyring.ts'
import { asYaml, readDeclarations } from '../../src/declarative/document.ts'
import type { Declarative } from '../../src/declarative/service.ts'
import { planAsText } from '../../src/domain/declarative/as-text.ts'
import { createPerson } from '../support/people.ts'
import { CALLBACK, discover, webClient } from '../support/relying-party.ts'
import { type RunningApp, STACKS, startApp } from '../support/start-app.ts'

const [FIRST, SECOND] = [
  'the first secret of this client, 0123456789',
  'the second secret of this client, 0123456789',
]
const API = 'https://orders.example/api'
const CONFIG = `
clients:
  reports:
    client_name: Reports
    grant_types: [client_credentials]
    redirect_uris: []
    response_types: []
    secret: { file: secret.txt }
  shop:
    client_name: Shop
    first_party: true
    token_endpoint_auth_method: none
    redirect_uris: [${CALLBACK}]
resource_servers:
  ${API}:
    name: Orders
    scopes: [read, { name: write, description: Change your orders }]
    token_format: opaque
    clients: [reports]
authorization_types:
  payment:
    title: A payment
    template: pay {{to}}
    schema: { type: object, properties: { to: { type: string } }, required: [to] }
roles:
  helpdesk: { description: Answers people, permissions: [users:read, sessions:write] }
application_roles:
  shop/editor: { description: Changes what the shop sells }
`

for (const stack of STACKS)
  describe(`ostiary apply on a running deployment (${stack})`, function () {
    this.timeout(120_000)
    const folder = mkdtempSync(join(tmpdir(), 'ostiary-declared-'))
    const file = join(folder, 'o.yaml')
    let running: RunningApp
    let service: Declarative
    before(async () => {
      running = await startApp({ stack, overrides: { clients: [webClient()] } })
      const { app, config, secrets } = running
      const keyring = new Keyring()
      await dataKeys(app.storage, secrets, keyring).open()
      service = await declarative({ config, storage: app.storage, keyring, engine: app.engine, file })
      writeFileSync(join(folder, 'secret.txt'), `${FIRST}\n`)
    })
    after(async () => {
      await running?.close()
      rmSync(folder, { recursive: true, force: true })
    })
    const document = (text: string) => readDeclarations('o.yaml', text)
    const planned = async (text: string, deleteLeft = false) =>
      planAsText(await service.plan(document(text), { deleteLeft }))
    async function apply(text: string, deleteLeft = false): Promise<void> {
      const [read, options] = [document(text), { deleteLeft }]
      await service.apply(read, await service.plan(read, options), options, { by: 'cli' })
    }
    const refusal = (work: Promise<unknown>): Promise<string> =>
      work.then(
        () => 'it was not refused',
        (error: Error) => error.message,
      )
    const records = async () => (await running.app.storage.database.trail.list({ limit: 100 })).items
    const database = () => running.app.storage.database

    it('does what the plan says: apps, APIs and types work at once, and each has its record', async () => {
      const shown = await planned(CONFIG)
      expect(shown).to.include('+ client reports').and.to.include(`+ resource server ${API}`)
      expect(shown)
        .to.include('+ authorization type payment')
        .and.to.include('6 to add, 0 to change, 0 to delete.')
      expect(shown).to.include('+ secret: "from file secret.txt"').and.to.not.include(FIRST)
      await apply(CONFIG)
      const rp = await discover(running.issuer, 'reports', FIRST)
      const tokens = await client.clientCredentialsGrant(rp, { resource: API, scope: 'read' })
      expect((await client.tokenIntrospection(rp, tokens.access_token)).active).to.equal(true)
      const written = (await records()).map(({ name, detail }) => [name, detail.by])
      for (const name of [
        'client.created',
        'resource_server.created',
        'authorization_type.saved',
        'role.created',
        'application_role.created',
        'configuration.applied',
      ])
        expect(written, name).to.deep.include([name, 'cli'])
      const [whole] = (await records()).filter(({ name }) => name === 'configuration.applied')
      expect(whole?.detail).to.deep.equal({ by: 'cli', created: 6, changed: 0, deleted: 0 })
    })

    it('leaves nothing to do, however the file is written', async () => {
      expect(await planned(CONFIG)).to.equal('Nothing to do.')
      const spelled = CONFIG.replace(
        'clients: [reports]',
        'clients: [reports]\n    token_ttl: 300\n    status: active',
      )
      expect(await planned(spelled)).to.equal('Nothing to do.')
      const before = (await records()).length
      await apply(CONFIG)
      expect((await records()).length).to.equal(before)
    })

    it('exports what it then finds nothing to do for', async () => {
      const text = asYaml(await service.export())
      expect(text)
        .to.include('reports:')
        .and.to.include(API)
        .and.to.not.match(/ostiary-(docs|api)/)
      expect(text).to.not.include('hmac').and.to.not.include(FIRST)
      expect(await planned(text)).to.equal('Nothing to do.')
    })

    it('shows what was changed by hand, and takes it back', async () => {
      await database().applications.change('shop', undefined, {
        ...(await database().applications.find('shop'))?.metadata,
        client_name: 'Shop!',
      })
      await running.app.resourceServers.disable(API, { by: 'somebody' })
      const hand = '(changed by hand since the last apply)'
      const shown = await planned(CONFIG.replace('name: Orders', 'name: Orders and more'))
      expect(shown).to.include(`~ client_name: "Shop!" -> "Shop"  ${hand}`)
      expect(shown).to.include(`- status: "disabled"  ${hand}`)
      expect(shown).to.include('~ name: "Orders" -> "Orders and more"\n')
      await apply(CONFIG)
      expect(await planned(CONFIG)).to.equal('Nothing to do.')
      expect((await database().resourceServers.find(API))?.status).to.equal('active')
    })

    it('changes secrets, and says that without saying which', async () => {
      writeFileSync(join(folder, 'secret.txt'), `${SECOND}\n`)
      const shown = await planned(CONFIG)
      expect(shown).to.include('~ client reports\n    + secret: "from file secret.txt"\n')
      expect(shown).to.not.include(SECOND)
      await apply(CONFIG)
      expect(await planned(CONFIG)).to.equal('Nothing to do.')
      const granted = await client.clientCredentialsGrant(await discover(running.issuer, 'reports', SECOND), {
        resource: API,
      })
      expect(granted.access_token).to.be.a('string')
      const old = await discover(running.issuer, 'reports', FIRST)
      expect(await refusal(client.clientCredentialsGrant(old, { resource: API }))).to.not.equal(
        'it was not refused',
      )
      const kept = JSON.stringify([...(await database().applied.list()).values()])
      expect(kept).to.include('reports').and.to.not.include(SECOND)
      expect(JSON.stringify(await records())).to.not.include(SECOND)
    })

    it('refuses the whole file for one fault, with the line of it', async () => {
      const cases: [string, string | RegExp][] = [
        [
          `${CONFIG}`.replace(
            'token_endpoint_auth_method: none',
            'token_endpoint_auth_method: none\n    profile: fapi2',
          ),
          /^o\.yaml:12:5: token_endpoint_auth_method must be private_key_jwt/,
        ],
        [
          CONFIG.replace('{ file: secret.txt }', '{ file: nowhere.txt }'),
          /^o\.yaml:8:5: secret: there is nothing from file nowhere\.txt$/,
        ],
        [
          CONFIG.replace('{ file: secret.txt }', '{ env: OSTIARY_TEST_NO_SUCH }'),
          /^o\.yaml:8:5: secret: there is nothing from environment variable OSTIARY_TEST_NO_SUCH$/,
        ],
        [
          CONFIG.replace('scopes: [read,', 'scopes: [openid,'),
          /^o\.yaml:17:5: scopes "openid" stands for claims about people/,
        ],
        [
          CONFIG.replace('template: pay {{to}}', 'template: pay {{whom}}'),
          /^o\.yaml:21:3: type "payment": template/,
        ],
        [
          'clients:\n  new: { redirect_uris: [https://a.example/cb] }\n',
          /^o\.yaml:2:3: client "new" proves itself by a secret: say where it is/,
        ],
        [
          'clients:\n  ostiary-docs: { state: absent }\n',
          /^o\.yaml:2:3: client "ostiary-docs" is declared by the settings/,
        ],
        [
          'clients:\n  bad: { token_endpoint_auth_method: none, redirect_uris: [http://evil.example/cb] }\n',
          /redirect_uris: "http:\/\/evil\.example\/cb" must be https/,
        ],
      ]
      for (const [text, sentence] of cases) {
        expect(await refusal(service.plan(document(text), { deleteLeft: false })), text).to.match(
          sentence as RegExp,
        )
        expect(await refusal(apply(text))).to.match(sentence as RegExp)
      }
      expect(await planned(CONFIG)).to.equal('Nothing to do.')
    })

    it('does nothing of a plan that is not due any more, nor half of one that fails', async () => {
      const wanted = document(
        CONFIG.replace('client_name: Shop', 'client_name: Shop 2').replace('name: Orders', 'name: Orders 2'),
      )
      const options = { deleteLeft: false }
      const shown = await service.plan(wanted, options)
      await database().applications.change('shop', undefined, {
        ...(await database().applications.find('shop'))?.metadata,
        client_name: 'By hand',
      })
      expect(await refusal(service.apply(wanted, shown, options, { by: 'cli' }))).to.include(
        'something was changed since the plan was made',
      )
      expect((await database().resourceServers.find(API))?.name).to.equal('Orders')
      await apply(CONFIG)
      expect(await planned(CONFIG)).to.equal('Nothing to do.')
    })

    it('applied by two at once leaves what one of them wanted, whole', async () => {
      const of = (word: string) =>
        CONFIG.replace('client_name: Shop', `client_name: Shop ${word}`).replace(
          'name: Orders',
          `name: Orders ${word}`,
        )
      for (let round = 0; round < 4; round += 1) {
        const words = ['x', 'y', 'z'].map((word) => `${word}${round}`)
        const outcomes = await Promise.allSettled(words.map((word) => apply(of(word))))
        const won = outcomes.filter(({ status }) => status === 'fulfilled').length
        expect(won, JSON.stringify(outcomes)).to.be.at.least(1)
        const name = String((await database().applications.find('shop'))?.metadata.client_name)
        const word = name.replace('Shop ', '')
        expect(words).to.include(word)
        expect((await database().resourceServers.find(API))?.name).to.equal(`Orders ${word}`)
        expect(await planned(of(word))).to.equal('Nothing to do.')
      }
      await apply(CONFIG)
    })

    it('defines roles, tells what was changed of them by hand, and deletes none that somebody has', async () => {
      const roles = database().roles
      expect((await roles.find('helpdesk'))?.permissions).to.have.members(['users:read', 'sessions:write'])
      await roles.change(
        { name: 'helpdesk', description: 'Answers people', permissions: ['users:read'] },
        undefined,
      )
      expect(await planned(CONFIG)).to.include(
        '~ role helpdesk\n    ~ permissions: +"sessions:write"  (changed by hand since the last apply)',
      )
      await apply(CONFIG)
      expect(
        await planned(CONFIG.replace('[users:read, sessions:write]', '[sessions:write, users:read]')),
      ).to.equal('Nothing to do.')
      const { id } = await createPerson(running, { email: 'helper@example.org' })
      await database().users.addRole(id, 'helpdesk')
      const without = CONFIG.replace(/helpdesk: .*/, 'helpdesk: { state: absent }')
      expect(await refusal(apply(without))).to.match(/^o\.yaml:\d+:3: role "helpdesk" is held/)
      const wrong: [string, RegExp][] = [
        ['roles:\n  owner: { description: x }\n', /role "owner" is built in/],
        ['roles:\n  helper: { permissions: [account:read] }\n', /what everybody may anyway/],
        ['roles:\n  helper: { permissions: [users:fly] }\n', /o\.yaml:2:/],
        ['application_roles:\n  editor: {}\n', /must be the client_id, a slash/],
        ['application_roles:\n  nobody/editor: {}\n', /there is no client "nobody"/],
      ]
      for (const [text, sentence] of wrong) expect(await refusal(apply(text)), text).to.match(sentence)
      await database().people.removeRole(id, 'helpdesk')
      expect(await planned(CONFIG)).to.equal('Nothing to do.')
    })

    it('deletes only when told', async () => {
      const less = 'clients:\n  shop: { state: absent }\n'
      const shown = await planned(less)
      expect(shown).to.include('- client shop\n').and.to.include('0 to add, 0 to change, 1 to delete.')
      expect(shown).to.include('client reports is no longer in the file and stays; --delete takes it away')
      await apply(less)
      expect(await database().clients.find('shop')).to.equal(undefined)
      expect(await database().clients.find('reports')).to.not.equal(undefined)
      await apply(less, true)
      expect(await database().clients.find('reports')).to.equal(undefined)
      expect(await database().resourceServers.find(API)).to.equal(undefined)
      expect(await database().clients.find('web'), 'never named').to.not.equal(undefined)
      const types = await database().authorizationTypes.list()
      expect(
        types.map(({ name }) => name),
        'cannot be deleted',
      ).to.deep.equal(['payment'])
      const deleted = (await records()).filter(({ name }) => name === 'client.deleted')
      expect(deleted.map(({ clientId }) => clientId)).to.have.members(['shop', 'reports'])
    })
  })
