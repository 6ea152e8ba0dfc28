/**
 * Notes each refused request, gives it a code and, after the answer has left, keeps its record. Nothing here can fail
 * or delay an answer: what cannot be kept is counted and told to the log once a minute.
 */
import type { KoaContextWithOIDC } from 'oidc-provider'
import type { RequestFacts } from '../domain/audit/events.ts'
import { FailureLimit, type FailureLimits } from '../domain/failures/limit.ts'
import { type FailureRecord, newCode } from '../domain/failures/record.ts'
import type { Explanation } from '../domain/failures/rule.ts'
import type { Explainer } from '../domain/failures/service.ts'
import type { Clock, FailureRepository, Random } from '../domain/ports.ts'
import type { Logger } from '../lib/log.ts'
import { requestRecord } from './request-record.ts'

/** how many records may be on their way to the database; beyond, it is slow or away */
const PENDING = 30
const TELL_MS = 60_000
/** Answers that are part of a device's waiting, not failures (RFC 8628 3.5). */
const EXPECTED = new Set(['authorization_pending', 'slow_down', 'use_dpop_nonce'])

export interface FailureDeps {
  failures: Pick<FailureRepository, 'save'>
  explainer: Explainer
  limits: FailureLimits
  clock: Clock
  random: Random
  log: Logger
  factsOf: (ctx: KoaContextWithOIDC) => RequestFacts | undefined
  /** pages and the log explain */
  evaluation: boolean
  /** whether who asks is an operator, who may read of other clients than theirs; by address */
  isOperator: (ip: string) => boolean
}

export interface Explained {
  failure: FailureRecord
  explanation: Explanation
}

interface Noted {
  code: string
  /** whether it is kept, so that quoting the code leads somewhere */
  kept: boolean
  error: Error
}

export class Failures {
  readonly #deps: FailureDeps
  readonly #limit: FailureLimit
  readonly #noted = new WeakMap<object, Noted>()
  readonly #pending = new Set<Promise<void>>()
  #lost = 0
  #toldAt = 0

  constructor(deps: FailureDeps) {
    this.#deps = deps
    this.#limit = new FailureLimit(deps.limits)
  }

  /**
   * The last error of a request counts: the engine may replace the first by a truer one.
   * @returns the code to show; undefined when this failure is not kept
   */
  note(ctx: KoaContextWithOIDC, error: Error): string | undefined {
    if (EXPECTED.has(error.message)) return undefined
    const before = this.#noted.get(ctx)
    if (before) {
      before.error = error
      return before.kept ? before.code : undefined
    }
    const { clock, random, factsOf } = this.#deps
    const kept = this.#limit.admit(clock.now(), factsOf(ctx)?.ip ?? '', ctx.oidc?.client?.clientId)
    const noted = { code: newCode(random), kept, error }
    this.#noted.set(ctx, noted)
    if (!kept) this.#tellLosses()
    else ctx.res.once('close', () => this.#keep(ctx, noted))
    return kept ? noted.code : undefined
  }

  /** Why the request in hand fails, in evaluation mode; `undefined` also when the database is away. */
  async explain(ctx: KoaContextWithOIDC): Promise<Explained | undefined> {
    const noted = this.#noted.get(ctx)
    if (!noted || !this.#deps.evaluation) return undefined
    try {
      const failure = this.#record(ctx, noted)
      const operator = this.#deps.isOperator(this.#deps.factsOf(ctx)?.ip ?? '')
      const explanation = await this.#deps.explainer.explain(failure, operator ? 'operator' : 'stranger')
      return { failure, explanation }
    } catch (err) {
      this.#deps.log.warn({ err }, 'a failure could not be explained')
      return undefined
    }
  }

  /** Resolves when what was begun so far is written or lost. */
  async settled(): Promise<void> {
    await Promise.all(this.#pending)
  }

  #record(ctx: KoaContextWithOIDC, { code, error }: Noted): FailureRecord {
    const { clock, factsOf } = this.#deps
    return requestRecord(ctx, error, { code, at: clock.now(), facts: factsOf(ctx) })
  }

  #keep(ctx: KoaContextWithOIDC, noted: Noted): void {
    if (this.#pending.size >= PENDING) {
      this.#lost += 1
      this.#tellLosses()
      return
    }
    const written = this.#write(ctx, noted)
      .catch(() => {
        this.#lost += 1
        this.#tellLosses()
      })
      .finally(() => this.#pending.delete(written))
    this.#pending.add(written)
  }

  async #write(ctx: KoaContextWithOIDC, noted: Noted): Promise<void> {
    const { failures, explainer, log, evaluation } = this.#deps
    const failure = this.#record(ctx, noted)
    await failures.save(failure)
    if (!evaluation) return
    // The embedded database is open in this process alone, so `ostiary explain` cannot look while it runs.
    const { cause, summary, change } = await explainer.explain(failure, 'operator')
    log.info({ requestId: failure.requestId, failure: failure.code, cause, summary, change }, 'explained')
  }

  #tellLosses(): void {
    const now = this.#deps.clock.now().getTime()
    if (now - this.#toldAt < TELL_MS) return
    this.#toldAt = now
    const fields = { tooMany: this.#limit.takeDropped(), notWritten: this.#lost }
    this.#lost = 0
    this.#deps.log.warn(fields, 'failed requests were not kept for "ostiary explain"')
  }
}
