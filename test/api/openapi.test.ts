/** The description of the API: valid by a public validator, true by a client that was generated from it. */
import { Validator } from '@seriousme/openapi-schema-validator'
import { expect } from 'chai'
import { type Document, OpenAPIClientAxios } from 'openapi-client-axios'
import { ROUTES } from '../../src/api/routes.ts'
import { type Caller, CONSOLE, newCaller } from '../support/api.ts'
import { get, onEveryStack } from '../support/protocol.ts'
import { PASSWORD, webClient } from '../support/relying-party.ts'

onEveryStack(
  'the description of the API',
  { people: [], overrides: { clients: [webClient(CONSOLE)] } },
  (app) => {
    let admin: Caller
    before(async () => {
      admin = await newCaller(app, 'admin', ['admin'])
    })
    const described = async () => (await get(`${app.issuer}/openapi.json`)).json

    it('is valid OpenAPI 3.1, and names every route', async () => {
      const description = await described()
      const validator = new Validator()
      const result = await validator.validate(structuredClone(description))
      expect(result.errors, JSON.stringify(result.errors)).to.equal(undefined)
      expect([result.valid, validator.version]).to.deep.equal([true, '3.1'])
      const operations = Object.values(description.paths).flatMap((path) =>
        Object.values(path as Record<string, { operationId: string }>).map(({ operationId }) => operationId),
      )
      expect(operations).to.have.members(ROUTES.map(({ operation }) => operation))
      const broken = await new Validator().validate({
        ...description,
        paths: { '/x': { get: { responses: 1 } } },
      })
      expect(broken.valid, 'the validator would have said').to.equal(false)
    })

    it('makes a client that works', async () => {
      const api = new OpenAPIClientAxios({
        definition: (await described()) as Document,
        axiosConfigDefaults: {
          headers: { authorization: `Bearer ${admin.token}` },
          validateStatus: () => true,
        },
      })
      const client = await api.init()
      const call = (operation: string, ...rest: unknown[]) =>
        (
          client as unknown as Record<
            string,
            (...rest: unknown[]) => Promise<{ status: number; data: never; headers: Record<string, string> }>
          >
        )[operation]?.(...rest)
      const signedIn = await call('signIn', null, { email: admin.email, password: PASSWORD })
      expect(signedIn?.data).to.include({ token_type: 'Bearer', expires_in: 1800 })
      const refused = await call('signIn', null, { email: admin.email, password: 'wrong wrong wrong' })
      expect(refused?.data).to.include({ code: 'invalid_credentials', status: 401 })
      const made = await call('createUser', null, { email: 'generated@example.org' })
      expect(made?.status).to.equal(201)
      const { id } = (made as { data: { id: string } }).data
      const read = await call('readUser', { id })
      expect(read?.data).to.include({ id, email: 'generated@example.org' })
      const changed = await call(
        'updateUser',
        { id, 'If-Match': read?.headers.etag },
        { profile: { name: 'Generated' } },
      )
      expect(changed?.status, JSON.stringify(changed?.data)).to.equal(200)
      const listed = await call('listUsers', { search: 'generated', limit: 1 })
      expect(listed?.data).to.have.nested.property('items[0].profile.name', 'Generated')
      const given = { name: 'editor', description: 'Writes' }
      const role = await call('createApplicationRole', { id: 'web' }, given)
      expect([role?.status, role?.data]).to.deep.equal([201, given])
      const place = { id, client: 'web', role: 'editor' }
      expect((await call('giveApplicationRole', place))?.status).to.equal(204)
      expect((await call('listRolesOfUser', { id }))?.data).to.deep.equal({
        roles: [],
        applications: [{ client_id: 'web', role: 'editor' }],
      })
      expect((await call('readUsage'))?.data)
        .to.have.property('days')
        .with.lengthOf(30)
      expect((await call('searchSessions', { limit: 1 }))?.data).to.have.nested.property('items[0].user_id')
      const keys = await call('listSigningKeys')
      expect(keys?.data).to.have.nested.property('items[0].kid')
      expect((await call('deleteUser', { id, erase_now: 'true' }))?.status).to.equal(204)
      expect((await call('readUser', { id }))?.data).to.include({ code: 'not_found', status: 404 })
    })
  },
)
