export const OPEN_APP = '/open-app'

/** Every path of ours as a function; nobody concatenates strings. Protocol endpoints are in `oidc/routes.ts`. */
export const paths = {
  home: '/',
  assets: '/assets',
  interaction: (uid: string) => `/interaction/${uid}`,
  step: (
    uid: string,
    step:
      | 'sign-in'
      | 'register'
      | 'verify-email'
      | 'resend'
      | 'restart'
      | 'consent'
      | 'account'
      | 'forget'
      | 'other'
      | 'abort'
      | 'switch',
  ) => `/interaction/${uid}/${step}`,
  /** leads to the registration form of a sign-in */
  register: (uid: string) => `/interaction/${uid}/register`,
  forgot: (uid?: string) =>
    uid === undefined ? '/forgot-password' : `/forgot-password?flow=${encodeURIComponent(uid)}`,
  resetPassword: (token: string) => `/reset-password/${token}`,
  verifyEmail: (token: string) => `/verify-email/${token}`,
  approve: (token: string) => `/approve/${token}`,
  setup: (token: string) => `/setup/${token}`,
  passwordHint: '/password-hint',
  mailbox: '/mailbox',
  mailboxMessage: (id: string) => `/mailbox/${id}`,
  mailboxHtml: (id: string) => `/mailbox/${id}/html`,
  mailboxClear: '/mailbox/clear',
  openApp: (clientId: string) => `${OPEN_APP}?client_id=${encodeURIComponent(clientId)}`,
  signOut: '/session/end',
} as const
