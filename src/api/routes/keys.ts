/** Keys that sign, for administrators: where each stands. No key leaves by here, not even a public half. */
import { z } from 'zod'
import { InvalidInput } from '../../domain/errors.ts'
import { KEY_LINES, type KeyChange } from '../../domain/keys/key.ts'
import { defineRoute, type Route } from '../route.ts'

const LIST = '/api/v1/admin/keys'
const tag = 'Keys'

const KEY = z.strictObject({
  kid: z.string(),
  line: z.enum(KEY_LINES).describe('algorithm of tokens, or cookies'),
  state: z.enum(['next', 'current', 'retiring', 'retired']),
  since: z.iso.datetime(),
})
const CHANGES = z.strictObject({
  changes: z
    .array(z.strictObject({ line: z.string().optional(), kid: z.string().optional(), becomes: z.string() }))
    .describe('empty: the next key is on its way already'),
})

export const keyRoutes: readonly Route[] = [
  defineRoute({
    ...{ method: 'GET', path: LIST, operation: 'listSigningKeys', tag },
    summary: 'Keys that sign, will sign, and did',
    input: {},
    output: z.strictObject({ items: z.array(KEY) }),
    ...{ errors: [], permission: 'keys:read' },
    async handle(_call, { directory }) {
      const keys = await directory.signingKeys.list()
      const items = keys.map(({ kid, line, state, since }) => ({
        ...{ kid, line, state, since: since.toISOString() },
      }))
      return { body: { items } }
    },
  }),
  defineRoute({
    ...{ method: 'POST', path: `${LIST}/rotate`, operation: 'rotateSigningKeys', tag },
    summary: 'Publish a next key, which signs when everybody can know it',
    input: { body: z.strictObject({ line: z.enum(KEY_LINES).optional().describe('absent: all') }) },
    ...{ output: CHANGES, errors: [], permission: 'keys:write' },
    async handle({ body, by }, { signingKeys }) {
      return { body: changesOf(await signingKeys.rotate(body.line, by.by, by.request)) }
    },
  }),
  defineRoute({
    ...{ method: 'POST', path: `${LIST}/:kid/revoke`, operation: 'revokeSigningKey', tag },
    summary: 'Take away a key that somebody else may have: what it signed is believed no more, at once',
    input: {
      params: z.strictObject({ kid: z.string().min(1).max(200) }),
      body: z.strictObject({
        confirm: z.string().max(200).describe('the kid once more: nothing undoes this'),
      }),
    },
    ...{ output: CHANGES, errors: [], permission: 'keys:write' },
    async handle({ params, body, by }, { signingKeys }) {
      if (body.confirm !== params.kid)
        throw new InvalidInput({ confirm: { code: 'mismatch', params: { must: 'must be the kid' } } })
      return { body: changesOf(await signingKeys.revoke(params.kid, by.by, by.request)) }
    },
  }),
]

function changesOf(changes: readonly KeyChange[]): z.infer<typeof CHANGES> {
  return {
    changes: changes.map((change) =>
      'make' in change ? { line: change.make, becomes: change.as } : { kid: change.move, becomes: change.to },
    ),
  }
}
