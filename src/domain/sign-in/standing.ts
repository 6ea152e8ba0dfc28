/**
 * Where a sign-in stands: who has proven to be whom, by what still counts now. Asked before every next step, by the
 * pages and by the endpoint for apps without a browser alike.
 */
import type { Clock, Database } from '../ports.ts'
import type { User } from '../users/user.ts'
import type { Progress } from './progress.ts'
import type { SignIn } from './service.ts'

export interface StandingDeps {
  database: Database
  signIn: SignIn
  clock: Clock
}

export interface Standing {
  /** another object than the one asked with when something of it changed */
  progress: Progress
  /** the person the progress names, as the database knows them now */
  user: User | undefined
}

export async function standingOf(before: Progress, deps: StandingDeps): Promise<Standing> {
  const progress = await withProof(before, deps)
  const user = progress.userId === undefined ? undefined : await deps.database.users.find(progress.userId)
  if (!user || (await deps.signIn.isCurrentCredential(user.id, progress.credential)))
    return { progress, user }
  // The password was changed since it was proven here: whoever knew the old one has proven nothing.
  return { progress: restarted(progress), user: undefined }
}

/** The registration of this sign-in was confirmed, here by code or anywhere by link: its password counts as given. */
async function withProof(progress: Progress, deps: StandingDeps): Promise<Progress> {
  if (progress.userId !== undefined || !progress.proof) return progress
  const proof = await deps.database.emailProofs.find(progress.proof.id)
  if (!proof?.consumedAt || !proof.registration) return progress
  const { userId, passwordHash } = proof.registration
  const credential = await deps.signIn.currentCredential(userId)
  // Only while it still is the account's password, so that a change since then counts here too.
  if (credential === undefined || credential !== deps.signIn.credentialOf(passwordHash)) return progress
  const authTime = Math.floor(deps.clock.now().getTime() / 1000)
  return { ...progress, userId, amr: ['pwd'], authTime, credential }
}

function restarted(progress: Progress): Progress {
  return progress.identifier === undefined ? {} : { identifier: progress.identifier }
}
