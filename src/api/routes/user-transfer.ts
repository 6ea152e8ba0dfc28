/** People in bulk: lines of JSON in and out. Password hashes come in; they leave by the command only. */
import { z } from 'zod'
import { ON_CONFLICT } from '../../domain/users/transfer/plan.ts'
import { defineRoute, type Route } from '../route.ts'

const PATH = '/api/v1/admin/users'
const tag = 'People'
/** some ten thousand people; more by the command, or in several requests */
const LIMIT_BYTES = 4 * 1024 * 1024

const count = z.number().int()

export const userTransferRoutes: readonly Route[] = [
  defineRoute({
    ...{ method: 'POST', path: `${PATH}/import`, operation: 'importUsers', tag },
    summary: 'Import people, one JSON object a line; the report says what became of the lines',
    input: {
      query: z.strictObject({
        dry_run: z
          .enum(['true', 'false'])
          .default('false')
          .describe('says what would happen, writes nothing'),
        on_conflict: z
          .enum(ON_CONFLICT)
          .default('refuse')
          .describe('what to do with people who are there already, and otherwise than the line says'),
      }),
      lines: { limitBytes: LIMIT_BYTES },
    },
    output: z.strictObject({
      dry_run: z.boolean(),
      ...{ read: count, created: count, updated: count, unchanged: count, skipped: count, refused: count },
      faults: z.array(
        z.strictObject({ line: count, field: z.string(), what: z.string(), remedy: z.string() }),
      ),
    }),
    ...{ errors: ['busy'], permission: 'users:import' },
    async handle({ query, body, by }, { userImport }) {
      const options = { dryRun: query.dry_run === 'true', onConflict: query.on_conflict }
      const { dryRun, ...report } = await userImport.run(body as string[], options, by)
      return { body: { dry_run: dryRun, ...report } }
    },
  }),
  defineRoute({
    ...{ method: 'GET', path: `${PATH}/export`, operation: 'exportUsers', tag },
    summary: 'Export everybody, one JSON object a line, without passwords',
    ...{ input: {}, output: undefined, streams: true, errors: [], permission: 'users:export' },
    handle: async ({ by }, { exportUsers }) => ({ body: exportUsers(by) as never }),
  }),
]
