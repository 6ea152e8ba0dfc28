/** The closed list of mails. A job names what it is about by id; secrets are derived when it is sent. */
export type MailJob =
  | { template: 'verify-email'; proofId: string }
  | { template: 'account-exists'; proofId: string }
  | { template: 'reset-password'; proofId: string }
  | { template: 'password-changed'; userId: string; at: string }
