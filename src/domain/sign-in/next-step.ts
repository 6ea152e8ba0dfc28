/**
 * The whole sign-in, readable in one breath. No step calls another: each proves one thing, writes it down and
 * returns to the dispatcher, which asks here what comes next.
 */
import type { User } from '../users/user.ts'
import type { Progress } from './progress.ts'

export interface SignInPolicy {
  /** an address must be proven before any application learns of the account */
  verifiedEmail: boolean
  /** the app asks which account to use (prompt=select_account) and there are some to choose from */
  chooseAccount: boolean
  /** the app asks for a new account (prompt=create) */
  createAccount: boolean
}

export type Step = 'identify' | 'register' | 'select-account' | 'verify-email' | 'done'

/** @param user the account named by the progress, as the database knows it now */
export function nextStep(progress: Progress, user: User | undefined, policy: SignInPolicy): Step {
  const proven = progress.userId !== undefined && user?.id === progress.userId && user.status === 'active'
  if (proven) return policy.verifiedEmail && !user.emailVerified ? 'verify-email' : 'done'
  // A registration waits for its proof; whether it made an account is not for this page to tell.
  if (progress.proof && progress.userId === undefined) return 'verify-email'
  if (progress.wish === 'register') return 'register'
  if (policy.createAccount && progress.wish === undefined) return 'register'
  return policy.chooseAccount && progress.wish !== 'other-account' ? 'select-account' : 'identify'
}
