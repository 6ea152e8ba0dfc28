/**
 * `Idempotency-Key` on creations (draft-ietf-httpapi-idempotency-key-header): who repeats a request because its answer
 * was lost gets that answer, and nothing is made twice. Only successes are kept; what was refused may be tried again.
 */
import type { IdempotencyStore } from '../domain/idempotency.ts'
import type { Logger } from '../lib/log.ts'
import type { ApiResponse } from './dispatch.ts'
import { ApiProblem } from './problem.ts'

const KEY = /^[\x21-\x7e]{1,200}$/

export interface Once {
  store: IdempotencyStore
  log: Logger
  /** caller and operation */
  scope: string
  /** the header as it came; empty: not asked for */
  key: string
  /** what is asked, as it must be the same */
  content: string
  /** what it makes is a person, whose `id` the answer has */
  makesPerson: boolean
}

/** @throws ApiProblem `in_flight`, `key_reused`, `malformed` */
export async function once(
  { store, log, scope, key, content, makesPerson }: Once,
  work: () => Promise<ApiResponse>,
): Promise<ApiResponse> {
  if (key === '') return work()
  if (!KEY.test(key))
    throw new ApiProblem('malformed', {
      detail: 'Idempotency-Key must be up to 200 printable ASCII characters',
    })
  const name = `${scope} ${key}`
  const claim = await store.claim(name, content)
  switch (claim.state) {
    case 'in flight':
      throw new ApiProblem('in_flight', { headers: { 'Retry-After': '1' } })
    case 'other content':
      throw new ApiProblem('key_reused')
    case 'done': {
      const answer = JSON.parse(claim.answer) as ApiResponse
      return { ...answer, headers: { ...answer.headers, 'Idempotency-Replayed': 'true' } }
    }
    case 'won':
  }
  let answer: ApiResponse
  try {
    answer = await work()
  } catch (error) {
    await store
      .release(name)
      .catch((err: Error) => log.warn({ err }, 'an idempotency key could not be freed'))
    throw error
  }
  // It is done, whether that can be remembered or not.
  await store
    .keep(name, JSON.stringify(answer), makesPerson ? (answer.body as { id: string }).id : undefined)
    .catch((err: Error) => log.warn({ err }, 'an answer could not be kept for its idempotency key'))
  return answer
}
