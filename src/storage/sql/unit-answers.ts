/** Answers to what apps asked elsewhere: each one unit of work, decided by what it claims. */
import type { AnswerStore } from '../../domain/approvals/answer.ts'
import type { AuditEvent } from '../../domain/audit/events.ts'
import type { Consent } from '../../domain/consents/consent.ts'
import type { ApprovalPing } from '../../domain/outbox.ts'
import type { AuditRepository } from '../../domain/ports.ts'
import { type ArtifactStore, ParentGoneError } from '../artifact-store.ts'
import { UnitLost } from '../unit-of-work.ts'
import { toJson } from './rows.ts'
import type { Units } from './unit.ts'

export class UnitAnswers implements AnswerStore {
  readonly #units: Units
  readonly #artifacts: Pick<ArtifactStore, 'claim'>
  readonly #audit: AuditRepository

  constructor(units: Units, artifacts: Pick<ArtifactStore, 'claim'>, audit: AuditRepository) {
    this.#units = units
    this.#artifacts = artifacts
    this.#audit = audit
  }

  async run(work: () => Promise<boolean>): Promise<'kept' | 'dropped' | 'lost' | 'gone'> {
    let kept = false
    const whole = async () => {
      kept = await work()
    }
    try {
      await this.#units.run(whole, { keep: () => kept })
      return kept ? 'kept' : 'dropped'
    } catch (error) {
      if (error instanceof UnitLost) return 'lost'
      if (error instanceof ParentGoneError) return 'gone'
      throw error
    }
  }

  async claim(name: string, seconds: number): Promise<void> {
    if (!(await this.#artifacts.claim('ReplayDetection', name, seconds)))
      throw new UnitLost('ReplayDetection')
  }

  remember({ userId, clientId, scopes, claims, resources }: Consent): Promise<void> {
    return this.#units.write({
      ...{ kind: 'consent', userId, clientId, scopes: toJson(scopes) },
      ...{ claims: toJson(claims), resources: toJson(resources) },
    })
  }

  enqueue(job: ApprovalPing): Promise<void> {
    return this.#units.write({ kind: 'outbox', job: toJson(job) })
  }

  record(event: AuditEvent): Promise<void> {
    return this.#audit.append(event)
  }
}
