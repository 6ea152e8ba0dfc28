/** Samples of the pages on the way to an application, and the applications they use. */
import type { AppCard, FieldErrors, PasswordRules, ViewModels, ViewName } from './view-models.ts'

/** Markup, quotes and a character that turns the reading direction around. */
export const HOSTILE = `<script>alert("x")</script>'"&\u202Eevil</p>`
export const LONG_EMAIL = `a.person.with.${'an-extremely-long-'.repeat(5)}address@mail.department.of.silly.walks.example`

export const photos: AppCard = {
  name: 'Photo Album',
  host: 'photos.example.com',
  clientUri: 'https://photos.example.com/',
  policyUri: 'https://photos.example.com/privacy',
  tosUri: 'https://photos.example.com/terms',
  firstParty: false,
  selfRegistered: false,
}
export const stranger: AppCard = {
  name: 'The Extraordinarily Well Named Calendar, Contacts & Correspondence Companion for Teams',
  host: 'an-unusually-long-subdomain-name.calendar-companion.example.org',
  firstParty: false,
  selfRegistered: true,
}
/** Known by nothing but the address of its document. */
export const agent: AppCard = {
  name: 'Helpful Agent',
  host: 'agents.example.com',
  firstParty: false,
  selfRegistered: false,
  metadataDocument: true,
}
export const hostile: AppCard = {
  ...{ name: HOSTILE, host: HOSTILE, firstParty: false, selfRegistered: true },
  ...{
    clientUri: 'javascript:alert(1)',
    policyUri: 'data:text/html,x',
    tosUri: `https://x.example/"${HOSTILE}`,
  },
}
export const rules: PasswordRules = { minLength: 15, maxLength: 256, hintUrl: '/password-hint' }

export function form(action: string, errors: FieldErrors = {}) {
  return { action, csrf: 'csrf-token', errors }
}
const abortAction = '/interaction/i1/abort'

const signIn: ViewModels['interaction/sign-in'] = {
  ...form('/interaction/i1/sign-in'),
  app: photos,
  identifier: '',
  remember: false,
  retryAfterSeconds: undefined,
  reauthenticate: false,
  registerUrl: '/interaction/i1/register',
  forgotUrl: '/forgot-password',
  abortAction,
  notice: undefined,
}
const register: ViewModels['interaction/register'] = {
  ...form('/interaction/i1/register'),
  app: photos,
  values: { email: '', username: '', name: '' },
  rules,
  retryAfterSeconds: undefined,
  signInUrl: '/interaction/i1',
  abortAction,
}
const verify: ViewModels['interaction/verify-email'] = {
  ...form('/interaction/i1/verify-email'),
  app: photos,
  email: 'ada@example.com',
  resendInSeconds: 0,
  resendAction: '/interaction/i1/resend',
  restartAction: '/interaction/i1/restart',
  notice: undefined,
  locked: false,
  mailboxUrl: undefined,
  abortAction,
}
const consent: ViewModels['interaction/consent'] = {
  ...form('/interaction/i1/consent'),
  app: photos,
  account: { email: 'ada@example.com', name: 'Ada Lovelace' },
  scopes: [
    { code: 'openid', known: true, optional: false },
    { code: 'profile', known: true, optional: true },
    { code: 'email', known: true, optional: true },
  ],
  claims: [],
  resources: [],
  details: [],
  offline: false,
  additional: false,
  switchAccountAction: '/interaction/i1/switch',
  denyAction: '/interaction/i1/deny',
}
const select: ViewModels['interaction/select-account'] = {
  ...form('/interaction/i1/select-account'),
  app: photos,
  accounts: [
    { id: 'usr_1', email: 'ada@example.com', name: 'Ada Lovelace', current: true },
    { id: 'usr_2', email: 'countess@example.org', name: undefined, current: false },
  ],
  forgetAction: '/interaction/i1/forget',
  otherAction: '/interaction/i1/other',
  abortAction,
}
type InteractionView = Extract<ViewName, `interaction/${string}`>

/** View, then state. */
export const interactionSamples: { [N in InteractionView]: Record<string, ViewModels[N]> } = {
  'interaction/sign-in': {
    empty: signIn,
    'wrong credentials': {
      ...signIn,
      ...form('/i', { form: { code: 'invalid_credentials' } }),
      identifier: 'ada@example.com',
      remember: true,
    },
    'fields missing': {
      ...signIn,
      ...form('/i', { identifier: { code: 'required' }, password: { code: 'required' } }),
    },
    throttled: { ...signIn, identifier: 'ada@example.com', retryAfterSeconds: 140 },
    'throttled, as error': {
      ...signIn,
      ...form('/i', { form: { code: 'throttled' } }),
      retryAfterSeconds: 42,
    },
    busy: { ...signIn, ...form('/i', { form: { code: 'busy' } }) },
    'page expired': { ...signIn, ...form('/i', { form: { code: 'csrf' } }), identifier: 'ada@example.com' },
    'login hint': { ...signIn, identifier: 'ada@example.com' },
    'confirm it is you': { ...signIn, identifier: 'ada@example.com', reauthenticate: true },
    'password was reset': { ...signIn, notice: 'password-reset' },
    'signed out': { ...signIn, notice: 'signed-out' },
    'unverified app, long names': { ...signIn, app: stranger, identifier: LONG_EMAIL },
    hostile: { ...signIn, app: hostile, identifier: HOSTILE, reauthenticate: true },
  },
  'interaction/register': {
    empty: register,
    'every field wrong': {
      ...register,
      ...form('/r', {
        email: { code: 'invalid_email' },
        password: { code: 'password_too_short', params: { min: 15 } },
        username: { code: 'username_format' },
        name: { code: 'name_too_long' },
      }),
      values: { email: HOSTILE, username: HOSTILE, name: HOSTILE },
    },
    'common password': { ...register, ...form('/r', { password: { code: 'password_common' } }) },
    'password repeats the address': {
      ...register,
      ...form('/r', { password: { code: 'password_context' } }),
    },
    'password too long': {
      ...register,
      ...form('/r', { password: { code: 'password_too_long', params: { max: 256 } } }),
    },
    'characters, long address': {
      ...register,
      ...form('/r', { password: { code: 'password_characters' }, email: { code: 'email_too_long' } }),
      values: { email: LONG_EMAIL, username: '', name: '' },
    },
    'username taken': {
      ...register,
      ...form('/r', { username: { code: 'username_taken' } }),
      values: { email: 'ada@example.com', username: 'ada', name: '' },
    },
    throttled: { ...register, retryAfterSeconds: 30, app: stranger },
  },
  'interaction/verify-email': {
    'just sent': { ...verify, notice: 'sent', resendInSeconds: 60, mailboxUrl: '/mailbox' },
    resent: { ...verify, notice: 'resent', resendInSeconds: 30 },
    'resend possible': verify,
    'wrong code': { ...verify, ...form('/v', { code: { code: 'code_wrong' } }) },
    'not six digits': { ...verify, ...form('/v', { code: { code: 'code_format' } }), resendInSeconds: 1 },
    locked: { ...verify, ...form('/v', { form: { code: 'code_locked' } }), locked: true },
    'resend throttled': { ...verify, resendInSeconds: 3000, email: LONG_EMAIL },
    hostile: { ...verify, app: hostile, email: HOSTILE },
  },
  'interaction/consent': {
    usual: consent,
    everything: {
      ...consent,
      app: stranger,
      account: { email: LONG_EMAIL, name: undefined },
      scopes: [
        ...['openid', 'profile', 'roles', 'email', 'phone', 'address'].map((code) => ({
          ...{ code, known: true, optional: code !== 'openid' },
        })),
        { code: 'calendar:events.write', known: false, optional: true },
        { code: 'offline_access', known: true, optional: true },
      ],
      claims: ['birthdate', 'zoneinfo', 'https://claims.example.com/shoe_size'],
      resources: [
        {
          resource: 'https://api.example.com/v1',
          name: 'Photo prints',
          scopes: [
            { code: 'prints:read', description: 'See your orders and what they cost' },
            { code: 'prints:order', description: undefined },
          ],
        },
        {
          resource: 'urn:example:ledger',
          name: undefined,
          scopes: [{ code: 'write', description: undefined }],
        },
      ],
      offline: true,
    },
    'known by its document': { ...consent, app: agent },
    'more than before': { ...consent, additional: true, scopes: [consent.scopes[2]!], offline: true },
    'nothing named': { ...consent, scopes: [] },
    'a payment': {
      ...consent,
      scopes: [],
      details: [
        {
          title: 'A payment',
          sentence: [
            { kind: 'text', text: 'Pay ' },
            { kind: 'value', text: '30 EUR' },
            { kind: 'text', text: ' to ' },
            { kind: 'value', text: 'Merchant A' },
          ],
          fields: [
            { name: ['Account', 'IBAN'], values: ['DE02100100109307118603'] },
            { name: ['actions'], values: ['initiate', 'status'] },
            { name: ['reference'], values: [] },
          ],
        },
      ],
    },
    'a hostile payment': {
      ...consent,
      details: [
        {
          title: 'A payment',
          sentence: [
            { kind: 'text', text: 'Pay ' },
            { kind: 'value', text: HOSTILE },
            { kind: 'text', text: ' to ' },
            { kind: 'value', text: 'x'.repeat(500) },
          ],
          fields: [{ name: [HOSTILE, 'y'.repeat(60)], values: [HOSTILE, 'z'.repeat(500)] }],
        },
      ],
    },
    'required scope refused': { ...consent, ...form('/c', { scope: { code: 'consent_required' } }) },
    hostile: {
      ...consent,
      app: hostile,
      account: { email: HOSTILE, name: HOSTILE },
      scopes: [{ code: HOSTILE, known: false, optional: true }],
      claims: [HOSTILE],
      resources: [{ resource: HOSTILE, name: HOSTILE, scopes: [{ code: HOSTILE, description: HOSTILE }] }],
    },
  },
  'interaction/select-account': {
    two: select,
    none: { ...select, accounts: [] },
    'long and hostile': {
      ...select,
      app: stranger,
      accounts: [
        {
          id: 'usr_3',
          email: LONG_EMAIL,
          name: 'Wolfeschlegelsteinhausenbergerdorff '.repeat(2),
          current: false,
        },
        { id: HOSTILE, email: HOSTILE, name: HOSTILE, current: true },
      ],
    },
  },
}
