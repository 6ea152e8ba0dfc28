/**
 * The answer to what an app asked elsewhere: that it is the first one, what the app finds, what is remembered as allowed,
 * the app's ping and the audit records are one write. Either all of it is there or none, and then the person may try again.
 */
import type { AuditEvent, RequestFacts } from '../audit/events.ts'
import type { Consent } from '../consents/consent.ts'
import type { ApprovalPing } from '../outbox.ts'
import { type Approval, type Approvals, REMEMBERED } from './approvals.ts'

/** What the person proved. */
export interface Given {
  amr: string[]
  acr: string
  /** epoch seconds */
  authTime: number
}

/** used: somebody answered before. expired: the request, the person or the app is gone */
export type AnswerOutcome = 'answered' | 'used' | 'expired'

export interface AnswerStore {
  /** All that the work writes, or nothing. lost: something was claimed before; gone: what it stands on is not there. */
  run(work: () => Promise<boolean>): Promise<'kept' | 'dropped' | 'lost' | 'gone'>
  /** Holds for one writer, ever; who comes second loses all of its work. */
  claim(name: string, seconds: number): Promise<void>
  remember(consent: Consent): Promise<void>
  enqueue(job: ApprovalPing): Promise<void>
  record(event: AuditEvent): Promise<void>
}

export interface ApprovalAnswersDeps {
  approvals: Pick<Approvals, 'noteDecided'>
  store: AnswerStore
  /** Writes what the app will find. False: the request is over. */
  write: (approval: Approval, given: Given | undefined) => Promise<boolean>
}

export class ApprovalAnswers {
  readonly #deps: ApprovalAnswersDeps

  constructor(deps: ApprovalAnswersDeps) {
    this.#deps = deps
  }

  /**
   * @param given undefined: the person said no
   * @param ping whether the app is told that there is an answer
   */
  async give(
    approval: Approval,
    given: Given | undefined,
    { ping, request }: { ping: boolean; request: RequestFacts },
  ): Promise<AnswerOutcome> {
    const { approvals, store, write } = this.#deps
    const done = await store.run(async () => {
      await store.claim(`approval:${approval.id}`, 2 * REMEMBERED)
      if (given) await store.remember(consentOf(approval))
      if (!(await write(approval, given))) return false
      const { clientId, id: approvalId } = approval
      if (ping) await store.enqueue({ kind: 'ciba-ping', clientId, approvalId })
      for (const event of eventsOf(approval, given, request)) await store.record(event)
      return true
    })
    if (done === 'dropped' || done === 'gone') return 'expired'
    if (done === 'lost') return 'used'
    await approvals.noteDecided(approval.id)
    return 'answered'
  }
}

function consentOf({ accountId, clientId, scopes, claims, resources }: Approval): Consent {
  return { userId: accountId, clientId, scopes, claims, resources }
}

function eventsOf(
  { accountId, clientId, scopes }: Approval,
  given: Given | undefined,
  request: RequestFacts,
): AuditEvent[] {
  const about = { outcome: 'success', userId: accountId, clientId, request } as const
  if (!given) return [{ name: 'consent.denied', ...about }]
  return [
    { name: 'consent.granted', ...about, detail: { scope: scopes.join(' ') } },
    { name: 'user.signed_in', ...about, detail: { amr: given.amr.join(' '), by: 'approval' } },
  ]
}
