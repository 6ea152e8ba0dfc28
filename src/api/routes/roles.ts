/** Roles of the deployment, roles inside applications, and who has them. */
import { z } from 'zod'
import { OWN, PERMISSIONS, ROLES } from '../../domain/permissions/permissions.ts'
import type { StoredApplicationRole, StoredRole } from '../../domain/permissions/ports.ts'
import { ApiProblem } from '../problem.ts'
import { defineRoute, type Route } from '../route.ts'
import { CLIENT_PARAMS, GIVABLE, GIVEN_PERMISSIONS, ROLE_NAME, USER_PARAMS } from '../schemas.ts'
import { applicationOf, personOf, targetOf } from './reading.ts'

const LIST = '/api/v1/admin/roles'
const ONE = `${LIST}/:role`
const OF_CLIENT = '/api/v1/admin/clients/:id/roles'
const OF_PERSON = '/api/v1/admin/users/:id'
const tag = 'Roles'

const description = z.string().trim().max(200)
const permissions = GIVEN_PERMISSIONS.min(1)
const ROLE = z.strictObject({
  name: z.string(),
  description: z.string(),
  permissions: z.array(z.string()),
  built_in: z.boolean().describe('stays as it is'),
})
const ROLE_PARAMS = z.strictObject({ role: ROLE_NAME })
const FORCE = z.strictObject({
  force: z.enum(['true', 'false']).optional().describe('true: it is taken from those who have it'),
})

export const APPLICATION_ROLE_NAME = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._:/-]{0,99}$/, 'must begin with a letter or digit, without spaces')
const APPLICATION_ROLE = z.strictObject({ name: z.string(), description: z.string() })
const APPLICATION_ROLE_PARAMS = z.strictObject({ ...CLIENT_PARAMS.shape, role: APPLICATION_ROLE_NAME })
const GIVEN_PARAMS = z.strictObject({
  ...USER_PARAMS.shape,
  client: z.string().min(1).max(255),
  role: APPLICATION_ROLE_NAME,
})

export const roleRoutes: readonly Route[] = [
  defineRoute({
    ...{ method: 'GET', path: '/api/v1/admin/permissions', operation: 'listPermissions', tag },
    summary: 'Everything that a role can allow',
    input: {},
    output: z.strictObject({ items: z.array(z.strictObject({ name: z.string(), description: z.string() })) }),
    ...{ errors: [], permission: 'roles:read' },
    handle: async () => ({
      body: { items: GIVABLE.map((name) => ({ name, description: PERMISSIONS[name] })) },
    }),
  }),
  defineRoute({
    ...{ method: 'GET', path: LIST, operation: 'listRoles', tag },
    summary: 'Roles, the built-in ones first',
    input: {},
    output: z.strictObject({ items: z.array(ROLE) }),
    ...{ errors: [], permission: 'roles:read' },
    async handle(_call, { roles }) {
      return { body: { items: [...BUILT_IN, ...(await roles.list()).map(roleOf)] } }
    },
  }),
  defineRoute({
    ...{ method: 'POST', path: LIST, operation: 'createRole', tag, status: 201, repeatable: true },
    summary: 'Make a role of what you may yourself',
    input: {
      body: z.strictObject({ name: ROLE_NAME, description: description.optional(), permissions }),
    },
    ...{ output: ROLE, errors: ['role_taken'], permission: 'roles:write' },
    async handle({ body: { description = '', ...rest }, by }, { roles }) {
      const role = await roles.create({ ...rest, description }, by)
      return { body: roleOf(role), version: role.version, location: `${LIST}/${role.name}` }
    },
  }),
  defineRoute({
    ...{ method: 'GET', path: ONE, operation: 'readRole', tag, summary: 'Read one role' },
    input: { params: ROLE_PARAMS },
    ...{ output: ROLE, errors: [], permission: 'roles:read' },
    async handle({ params }, { roles }) {
      const builtIn = BUILT_IN.find(({ name }) => name === params.role)
      if (builtIn) return { body: builtIn }
      const role = await roles.find(params.role)
      if (!role) throw new ApiProblem('not_found')
      return { body: roleOf(role), version: role.version }
    },
  }),
  defineRoute({
    ...{ method: 'PATCH', path: ONE, operation: 'updateRole', tag },
    summary: 'Change what a role allows, for all who have it, from their next request on',
    input: {
      params: ROLE_PARAMS,
      body: z.strictObject({ description: description.optional(), permissions: permissions.optional() }),
    },
    ...{ output: ROLE, errors: ['built_in_role'], permission: 'roles:write', conditional: true },
    async handle({ params, body, version, by }, { roles }) {
      const role = await roles.update(params.role, version, body, by)
      return { body: roleOf(role), version: role.version }
    },
  }),
  defineRoute({
    ...{ method: 'DELETE', path: ONE, operation: 'deleteRole', tag },
    summary: 'Delete a role; one that somebody has only with force',
    input: { params: ROLE_PARAMS, query: FORCE },
    ...{ output: undefined, errors: ['built_in_role', 'role_in_use'], permission: 'roles:write' },
    async handle({ params, query, by }, { roles }) {
      await roles.delete(params.role, query.force === 'true', by)
      return { body: undefined }
    },
  }),
  defineRoute({
    ...{ method: 'GET', path: OF_CLIENT, operation: 'listApplicationRoles', tag },
    summary: 'Roles inside an application, which it is told of by the scope roles',
    input: { params: CLIENT_PARAMS },
    output: z.strictObject({ items: z.array(APPLICATION_ROLE) }),
    ...{ errors: [], permission: 'clients:read' },
    async handle({ params }, services) {
      const { id } = await applicationOf(params.id, services)
      return { body: { items: (await services.applicationRoles.list(id)).map(applicationRoleOf) } }
    },
  }),
  defineRoute({
    ...{ method: 'POST', path: OF_CLIENT, operation: 'createApplicationRole', tag, status: 201 },
    ...{ summary: 'Define a role inside an application', repeatable: true },
    input: {
      params: CLIENT_PARAMS,
      body: z.strictObject({ name: APPLICATION_ROLE_NAME, description: description.optional() }),
    },
    ...{ output: APPLICATION_ROLE, errors: ['role_taken'], permission: 'clients:write' },
    async handle({ params, body, by }, { applicationRoles }) {
      const { name, description = '' } = body
      const role = await applicationRoles.create({ clientId: params.id, name, description }, by)
      const parts = [params.id, 'roles', name].map(encodeURIComponent)
      return {
        body: applicationRoleOf(role),
        version: role.version,
        location: `/api/v1/admin/clients/${parts.join('/')}`,
      }
    },
  }),
  defineRoute({
    ...{ method: 'GET', path: `${OF_CLIENT}/:role`, operation: 'readApplicationRole', tag },
    summary: 'Read one role inside an application',
    input: { params: APPLICATION_ROLE_PARAMS },
    ...{ output: APPLICATION_ROLE, errors: [], permission: 'clients:read' },
    async handle({ params }, { applicationRoles }) {
      const role = await applicationRoles.find(params.id, params.role)
      if (!role) throw new ApiProblem('not_found')
      return { body: applicationRoleOf(role), version: role.version }
    },
  }),
  defineRoute({
    ...{ method: 'PATCH', path: `${OF_CLIENT}/:role`, operation: 'updateApplicationRole', tag },
    summary: 'Describe a role inside an application otherwise; its name stays',
    input: { params: APPLICATION_ROLE_PARAMS, body: z.strictObject({ description }) },
    ...{ output: APPLICATION_ROLE, errors: [], permission: 'clients:write', conditional: true },
    async handle({ params, body, version, by }, { applicationRoles }) {
      const changed = { clientId: params.id, name: params.role, ...body }
      const role = await applicationRoles.update(changed, version, by)
      return { body: applicationRoleOf(role), version: role.version }
    },
  }),
  defineRoute({
    ...{ method: 'DELETE', path: `${OF_CLIENT}/:role`, operation: 'deleteApplicationRole', tag },
    summary: 'Delete a role inside an application; one that somebody has only with force',
    input: { params: APPLICATION_ROLE_PARAMS, query: FORCE },
    ...{ output: undefined, errors: ['role_in_use'], permission: 'clients:write' },
    async handle({ params, query, by }, { applicationRoles }) {
      await applicationRoles.delete(params.id, params.role, query.force === 'true', by)
      return { body: undefined }
    },
  }),
  defineRoute({
    ...{ method: 'GET', path: `${OF_PERSON}/roles`, operation: 'listRolesOfUser', tag },
    summary: 'What somebody is here, and in each application',
    input: { params: USER_PARAMS },
    output: z.strictObject({
      roles: z.array(z.string()),
      applications: z.array(z.strictObject({ client_id: z.string(), role: z.string() })),
    }),
    ...{ errors: [], permission: 'users:read', target: targetOf },
    async handle({ params }, services) {
      const { roles } = await personOf(params.id, services)
      const given = await services.applicationRoles.ofPerson(params.id)
      return {
        body: {
          roles,
          applications: given.map(({ clientId, name }) => ({ client_id: clientId, role: name })),
        },
      }
    },
  }),
  defineRoute({
    ...{ method: 'PUT', path: `${OF_PERSON}/clients/:client/roles/:role`, operation: 'giveApplicationRole' },
    ...{ tag, summary: 'Give somebody a role inside an application', input: { params: GIVEN_PARAMS } },
    ...{ output: undefined, errors: [], permission: 'users:write', target: targetOf },
    async handle({ params, by }, { applicationRoles }) {
      await applicationRoles.give(params.id, params.client, params.role, by)
      return { body: undefined }
    },
  }),
  defineRoute({
    ...{
      method: 'DELETE',
      path: `${OF_PERSON}/clients/:client/roles/:role`,
      operation: 'takeApplicationRole',
    },
    ...{ tag, summary: 'Take a role inside an application from somebody', input: { params: GIVEN_PARAMS } },
    ...{ output: undefined, errors: [], permission: 'users:write', target: targetOf },
    async handle({ params, by }, { applicationRoles }) {
      await applicationRoles.take(params.id, params.client, params.role, by)
      return { body: undefined }
    },
  }),
]

const DESCRIBED: Record<keyof typeof ROLES, string> = {
  owner: 'everything; there is always one',
  admin: 'everything but roles',
  support: 'sees people and where they are signed in, and signs them out',
  auditor: 'reads everything, changes nothing',
}
const BUILT_IN: z.infer<typeof ROLE>[] = Object.entries(ROLES).map(([name, permissions]) => ({
  ...{ name, description: DESCRIBED[name as keyof typeof ROLES], built_in: true },
  permissions: permissions.filter((one) => !OWN.includes(one)),
}))

function roleOf({ name, description, permissions }: StoredRole): z.infer<typeof ROLE> {
  return { name, description, permissions: [...permissions], built_in: false }
}

function applicationRoleOf({ name, description }: StoredApplicationRole): z.infer<typeof APPLICATION_ROLE> {
  return { name, description }
}
