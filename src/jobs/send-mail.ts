/**
 * One mail of the outbox. The row names a proof or a user; link and code are derived now, so that they exist nowhere
 * but in the mail. What no longer matters (used, expired, replaced, the account has another address) is not sent.
 */
import type { Approvals } from '../domain/approvals/approvals.ts'
import type { EmailProof } from '../domain/email/proof.ts'
import type { MailJob } from '../domain/mail.ts'
import type { Clock, OutboxRow, Repositories } from '../domain/ports.ts'
import { emailKey } from '../domain/users/identifiers.ts'
import type { MailTransport } from '../mail/transport.ts'

/** What each mail is given; `when` (ISO 8601) is the moment of what it is about. */
export interface MailData {
  'verify-email': { email: string; when: string; link: string; code: string; minutesValid: number }
  'account-exists': { email: string; when: string; signInUrl: string; forgotUrl: string }
  'reset-password': { email: string; when: string; link: string; minutesValid: number }
  approval: { email: string; when: string; app: string | undefined; link: string; minutesValid: number }
  invitation: { email: string; when: string; link: string; minutesValid: number }
  'password-required': { email: string; when: string; link: string; minutesValid: number }
  'account-deletion': { email: string; when: string; daysLeft: number }
  'password-changed': { email: string; when: string; forgotUrl: string }
}

export interface MailContent {
  subject: string
  text: string
  html: string
}

export interface MailLinks {
  verifyEmail(proofId: string): string
  resetPassword(proofId: string): string
  approve(approvalId: string): string
  forgot(): string
  home(): string
}

export interface SendMailDeps {
  repositories: Pick<Repositories, 'emailProofs' | 'users' | 'clients'>
  approvals: Pick<Approvals, 'find' | 'isDecided'>
  clock: Clock
  links: MailLinks
  codeOf(proofId: string): string
  render<N extends keyof MailData>(template: N, data: MailData[N]): MailContent
  transport: MailTransport
}

type ApprovalJob = Extract<MailJob, { approvalId: string }>
type ProofJob = Extract<MailJob, { proofId: string }>

interface Addressed {
  to: string
  content: MailContent
}

/** Runs one row of the outbox; throws when it has to be tried again. */
export function createSendMail(deps: SendMailDeps): (row: OutboxRow<'mail'>) => Promise<void> {
  return async ({ id, job }) => {
    const mail = await mailOf(deps, job)
    if (mail) await deps.transport.send({ ...mail.content, to: mail.to, id })
  }
}

function mailOf(deps: SendMailDeps, job: MailJob): Promise<Addressed | undefined> {
  if ('proofId' in job) return aboutProof(deps, job)
  return 'approvalId' in job ? aboutApproval(deps, job) : aboutUser(deps, job)
}

/** An app may name anybody: somebody unknown, or whose address is not proven, is sent nothing. */
async function aboutApproval(
  { approvals, repositories, clock, links, render }: SendMailDeps,
  { approvalId }: ApprovalJob,
): Promise<Addressed | undefined> {
  const approval = await approvals.find(approvalId)
  const left = approval ? approval.expiresAt - clock.now().getTime() / 1000 : 0
  if (!approval || left <= 0 || (await approvals.isDecided(approvalId))) return undefined
  const user = await repositories.users.find(approval.accountId)
  if (user?.status !== 'active' || !user.emailVerified) return undefined
  const client = await repositories.clients.find(approval.clientId)
  const name = client?.metadata.client_name
  const content = render('approval', {
    ...{ email: user.email, when: approval.askedAt, link: links.approve(approvalId) },
    app: typeof name === 'string' ? name : undefined,
    minutesValid: Math.ceil(left / 60),
  })
  return { to: user.email, content }
}

async function aboutProof(deps: SendMailDeps, job: ProofJob): Promise<Addressed | undefined> {
  const proof = await deps.repositories.emailProofs.find(job.proofId)
  const now = deps.clock.now()
  if (!proof || proof.consumedAt || proof.expiresAt <= now) return undefined
  if (job.template === 'register') {
    // Here, out of the stranger's sight, the two kinds of address part.
    const existing = await deps.repositories.users.findByEmail(proof.email)
    if (existing && existing.status !== 'active') return undefined
    const template = existing ? 'account-exists' : 'verify-email'
    return { to: existing?.email ?? proof.email, content: contentOf(deps, template, proof, now) }
  }
  if (!(await reachesItsOwner(deps, proof))) return undefined
  return { to: proof.email, content: contentOf(deps, job.template, proof, now) }
}

/** A row for nobody exists so that the work is the same; and an address that was given up gets nothing any more. */
async function reachesItsOwner(deps: SendMailDeps, proof: EmailProof): Promise<boolean> {
  if (!proof.userId) return false
  const user = await deps.repositories.users.find(proof.userId)
  return user?.status === 'active' && emailKey(user.email) === emailKey(proof.email)
}

function contentOf(
  deps: SendMailDeps,
  template: 'verify-email' | 'account-exists' | 'reset-password' | 'invitation' | 'password-required',
  proof: EmailProof,
  now: Date,
): MailContent {
  const { links, codeOf, render } = deps
  const about = { email: proof.email, when: proof.createdAt.toISOString() }
  const minutesValid = Math.ceil((proof.expiresAt.getTime() - now.getTime()) / 60_000)
  switch (template) {
    case 'verify-email': {
      const link = links.verifyEmail(proof.id)
      return render(template, { ...about, link, code: codeOf(proof.id), minutesValid })
    }
    case 'reset-password':
    case 'invitation':
    case 'password-required':
      return render(template, { ...about, link: links.resetPassword(proof.id), minutesValid })
    case 'account-exists':
      return render(template, { ...about, signInUrl: links.home(), forgotUrl: links.forgot() })
  }
}

async function aboutUser(
  { repositories, links, render, clock }: SendMailDeps,
  job: Exclude<MailJob, ProofJob | ApprovalJob>,
): Promise<Addressed | undefined> {
  const user = await repositories.users.find(job.userId)
  if (!user) return undefined
  const about = { email: user.email, when: job.at }
  if (job.template === 'password-changed')
    return { to: user.email, content: render(job.template, { ...about, forgotUrl: links.forgot() }) }
  const daysLeft = Math.ceil((Date.parse(job.eraseAt) - clock.now().getTime()) / 86_400_000)
  // Given back meanwhile, or about to go.
  if (user.status === 'active' || daysLeft <= 0) return undefined
  return { to: user.email, content: render(job.template, { ...about, daysLeft }) }
}
