/** `ostiary explain CODE`: why a request failed and what to change, from the record that is kept for a day. */
import type { Command } from 'commander'
import { explainer } from '../app-parts.ts'
import { asText, plain } from '../domain/failures/as-text.ts'
import { findFailure } from '../domain/failures/service.ts'
import { type Answer, answers, Refusal } from './answer.ts'
import { leaf } from './leaf.ts'
import { type Opened, withStorage } from './stores.ts'

export function explainCommand(program: Command): void {
  leaf(program, 'explain', {
    summary: 'why a request failed, and what to change',
    examples: ['explain K7QM-2XPA', 'explain 7722cf71-42e8-4b11-a8ea-bb6d5fb3d73b --json'],
  })
    .argument('<code>', 'from the error page (case and dash do not matter), or a request id (X-Request-Id)')
    .action(answers((code: string) => withStorage((opened) => explain(code, opened))))
}

async function explain(code: string, { config, storage }: Opened): Promise<Answer> {
  const failure = await findFailure(storage.database.failures, code)
  if (!failure)
    throw new Refusal(
      'not_found',
      `Nothing is known under "${plain(code)}". Records are kept for a day, and only so many a minute.`,
    )
  const explanation = await explainer(config, storage).explain(failure, 'operator')
  return { json: { failure, explanation }, words: asText(failure, explanation) }
}
