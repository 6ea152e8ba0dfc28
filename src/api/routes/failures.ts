/** Why a request of the protocol was refused, by the code that people quote. */
import { z } from 'zod'
import { DomainError } from '../../domain/errors.ts'
import { type FailureRecord, shownCode } from '../../domain/failures/record.ts'
import type { Explanation } from '../../domain/failures/rule.ts'
import { defineRoute, type Route } from '../route.ts'

const text = z.string()
const FAILURE = z.strictObject({
  code: text,
  request_id: text,
  at: text,
  endpoint: text,
  method: text,
  status: z.number().int(),
  error: text,
  description: text.optional(),
  client_id: text.optional(),
  sent: z.record(text, text).describe('parameters by name; of secrets only how long they were'),
  presented: z.array(text),
  tokens: z.record(text, z.record(text, z.union([text, z.number()]))).describe('what they say, unverified'),
})
const EXPLANATION = z.strictObject({
  cause: text,
  summary: text,
  sent: text.optional(),
  expected: text.optional(),
  nearest: text.optional(),
  difference: text.optional(),
  change: text.describe('the one that makes the request pass'),
  standard: z.strictObject({ name: text, url: text }),
})

export const failureRoutes: readonly Route[] = [
  defineRoute({
    ...{ method: 'GET', path: '/api/v1/admin/failures/:code', operation: 'explainFailure', tag: 'System' },
    summary: 'What was sent, what was expected, and the change that mends it; records are kept for a day',
    input: {
      params: z.strictObject({
        code: text.min(1).max(100).describe('from the error page, or the request id of any answer'),
      }),
    },
    output: z.strictObject({ failure: FAILURE, explanation: EXPLANATION }),
    ...{ errors: ['not_found'], permission: 'audit:read' },
    async handle({ params }, { explain }) {
      const found = await explain(params.code)
      if (!found) throw new DomainError('not_found')
      return { body: { failure: failureOf(found.failure), explanation: found.explanation } }
    },
  }),
]

export interface ExplainedFailure {
  failure: FailureRecord
  explanation: Explanation
}

function failureOf(record: FailureRecord): z.infer<typeof FAILURE> {
  const { code, requestId, clientId, jwts, at, endpoint, method, status, error, description } = record
  return {
    ...{ code: shownCode(code), request_id: requestId, client_id: clientId, at, endpoint, method, status },
    ...{ error, description, sent: record.sent, presented: record.presented },
    tokens: jwts as Record<string, Record<string, string | number>>,
  }
}
