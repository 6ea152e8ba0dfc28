/**
 * What each page is given. Handlers fill these, `views/` renders them, `view-samples.ts` holds one sample per state.
 * Models carry facts and codes, never sentences: words come from the message catalogue in the view.
 */
import type { Described } from '../domain/authorization/describe.ts'

/** Field name -> message code (`error.<code>` in the catalogue) with its parameters. Key `form` is the whole form. */
export type FieldErrors = Record<string, { code: string; params?: Record<string, string | number> }>

/** The application somebody is signing in to. */
export interface AppCard {
  name: string
  /** host of its website or redirect URI, shown so that a person can check it */
  host: string
  logoUri?: string | undefined
  policyUri?: string | undefined
  tosUri?: string | undefined
  clientUri?: string | undefined
  firstParty: boolean
  /** registered itself; nobody vouches for it */
  selfRegistered: boolean
  /** nothing is known of it but the page at `host` that describes it */
  metadataDocument?: boolean
}

export interface PasswordRules {
  minLength: number
  maxLength: number
  /** where the live hint asks (POST JSON `{password, email, username}` -> `{ok, problems: string[]}`) */
  hintUrl: string
}

interface Form {
  /** form target */
  action: string
  csrf: string
  errors: FieldErrors
}

/** An API; `name` and `description` are the operator's words. */
export interface ApiWords {
  resource: string
  name: string | undefined
  scopes: { code: string; description: string | undefined }[]
}

export interface ViewModels {
  /** start page of the evaluation mode */
  'home-evaluation': {
    webAppUrl: string
    spaUrl: string
    mailboxUrl: string
    discoveryUrl: string
    issuer: string
    setupUrl: string | undefined
  }
  /** start page in production */
  home: { issuer: string; discoveryUrl: string; apps: { name: string; host: string; url: string }[] }
  'interaction/sign-in': Form & {
    app: AppCard
    identifier: string
    remember: boolean
    /** too many tries: seconds to wait */
    retryAfterSeconds: number | undefined
    /** the request asks for a fresh sign-in of this account (max_age, prompt=login) */
    reauthenticate: boolean
    registerUrl: string
    forgotUrl: string
    /** form target of "cancel and go back to the app" (POST with csrf) */
    abortAction: string
    /** notice above the form */
    notice: 'password-reset' | 'signed-out' | undefined
  }
  'interaction/register': Form & {
    app: AppCard
    values: { email: string; username: string; name: string }
    rules: PasswordRules
    retryAfterSeconds: number | undefined
    signInUrl: string
    abortAction: string
  }
  'interaction/verify-email': Form & {
    app: AppCard
    email: string
    /** seconds until another mail may be asked for; 0 = now */
    resendInSeconds: number
    resendAction: string
    /** "use another address": POST, back to registration or sign-in */
    restartAction: string
    notice: 'sent' | 'resent' | undefined
    /** no attempts left: only a new code helps */
    locked: boolean
    /** evaluation mode only */
    mailboxUrl: string | undefined
    abortAction: string
  }
  'interaction/consent': Form & {
    app: AppCard
    account: { email: string; name: string | undefined }
    /** asked for now; `code` is a catalogue key `scope.<code>.title|detail` for known scopes, else shown as is */
    scopes: { code: string; known: boolean; optional: boolean }[]
    /** single claims asked for by the `claims` parameter */
    claims: string[]
    resources: ApiWords[]
    /** rich authorization requests: all or none of them are allowed */
    details: Described[]
    offline: boolean
    /** true: the app had consent before, only what is new is listed */
    additional: boolean
    switchAccountAction: string
    denyAction: string
  }
  'interaction/select-account': Form & {
    app: AppCard
    /** `current`: signed in in this browser now; others need a password again */
    accounts: { id: string; email: string; name: string | undefined; current: boolean }[]
    forgetAction: string
    otherAction: string
    abortAction: string
  }
  'forgot-password': Form & {
    values: { email: string }
    /** the answer is the same whether the address is known or not */
    sent: boolean
    retryAfterSeconds: number | undefined
    backUrl: string | undefined
    mailboxUrl: string | undefined
  }
  'reset-password': Form & {
    state: 'form' | 'expired' | 'used'
    email: string
    rules: PasswordRules
    forgotUrl: string
  }
  'reset-password-done': { continueUrl: string | undefined }
  /** the page behind the link in the verification mail: a button, so that mail scanners prove nothing */
  'verify-email-link': Form & {
    state: 'confirm' | 'expired' | 'used'
    email: string
    /** another browser than the one that registered: who confirms must know the password chosen there */
    askPassword: boolean
  }
  'verify-email-done': {
    /** continue in this browser, or undefined: "go back to where you began" */
    continueUrl: string | undefined
    email: string
  }
  logout: {
    /** engine's form: its action, its xsrf field value */
    action: string
    xsrf: string
    app: AppCard | undefined
    account: { email: string; name: string | undefined } | undefined
  }
  /** after signing out, while applications hear of it in hidden frames */
  'signing-out': { frames: string[]; continueUrl: string }
  'logout-done': { app: AppCard | undefined; homeUrl: string }
  /** what an app asks of a person elsewhere; a link alone approves nothing */
  approve: Form & {
    state: 'form' | 'expired' | 'used'
    app: AppCard
    account: { email: string; name: string | undefined }
    /** the app shows the same where the person began */
    bindingMessage: string | undefined
    scopes: { code: string; known: boolean }[]
    claims: string[]
    resources: ApiWords[]
    retryAfterSeconds: number | undefined
  }
  'approve-done': { app: AppCard; outcome: 'approved' | 'denied' }
  'device/code': { action: string; xsrf: string; userCode: string; errors: FieldErrors }
  'device/confirm': {
    action: string
    xsrf: string
    userCode: string
    app: AppCard
    device: { ip: string | undefined; userAgent: string | undefined; elsewhere: boolean }
  }
  'device/done': { app: AppCard; outcome: 'approved' | 'denied' }
  setup: Form & {
    state: 'form' | 'used'
    values: { email: string; name: string }
    rules: PasswordRules
  }
  'setup-done': { email: string; homeUrl: string }
  'mailbox/list': {
    messages: { id: string; to: string; subject: string; at: string }[]
    deadLetters: number
    clearAction: string
    csrf: string
  }
  'mailbox/message': {
    id: string
    to: string
    from: string
    subject: string
    at: string
    text: string
    /** shown in a sandboxed frame from this address */
    htmlUrl: string
  }
  error: {
    status: number
    /** catalogue key `problem.<code>.title|detail|next` */
    code: string
    /** extra facts for the sentence, already safe to show */
    params?: Record<string, string | number>
    /** what to quote, where a record of the failure is kept */
    failureCode?: string | undefined
    /** shown in evaluation mode only: why it failed, and what to change (for developers, in English) */
    explanation?:
      | {
          /** as the standard calls it */
          error: string
          description: string
          summary: string
          /** `name` is one of sent, expected, nearest, difference */
          facts: { name: string; value: string }[]
          change: string
          standard: { name: string; url: string }
          /** the parameters of the request, without secrets */
          request: { name: string; value: string }[]
        }
      | undefined
    /** "back to the app" or "start again" */
    action: { kind: 'app' | 'restart' | 'home'; url: string } | undefined
    retryAfterSeconds?: number | undefined
  }
}

export type ViewName = keyof ViewModels

/** Given to every view beside its own model. */
export interface PageContext {
  lang: string
  /** short request id to quote */
  requestId: string
  /** ISO 8601 */
  time: string
  evaluation: boolean
  brand: { name: string }
  homeUrl: string
}
