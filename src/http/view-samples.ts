/** One model per state of each page: rendered by tests, looked at by people, and read as documentation. */
import type { ViewModels, ViewName } from './view-models.ts'
import { errorSamples } from './view-samples-errors.ts'
import {
  form,
  HOSTILE,
  hostile,
  interactionSamples,
  LONG_EMAIL,
  photos,
  rules,
  stranger,
} from './view-samples-interaction.ts'

const forgot: ViewModels['forgot-password'] = {
  ...form('/forgot-password'),
  values: { email: '' },
  sent: false,
  retryAfterSeconds: undefined,
  backUrl: '/interaction/i1',
  mailboxUrl: undefined,
}
const reset: ViewModels['reset-password'] = {
  ...form('/reset-password'),
  state: 'form',
  email: 'ada@example.com',
  rules,
  forgotUrl: '/forgot-password',
}
const question: ViewModels['approve'] = {
  ...form('/approve/apr_1.x'),
  state: 'form',
  app: { ...photos, name: 'Kitchen TV' },
  account: { email: 'ada@example.com', name: 'Ada Lovelace' },
  bindingMessage: 'W4-SCT',
  scopes: [
    { code: 'openid', known: true },
    { code: 'email', known: true },
  ],
  claims: [],
  resources: [],
  retryAfterSeconds: undefined,
}
const approveSamples: Record<string, ViewModels['approve']> = {
  question,
  wrong: { ...question, errors: { form: { code: 'password_wrong' } } },
  missing: { ...question, errors: { password: { code: 'required' } } },
  throttled: {
    ...question,
    errors: { form: { code: 'throttled', params: { minutes: 12 } } },
    retryAfterSeconds: 700,
  },
  expired: { ...question, state: 'expired' },
  used: { ...question, state: 'used' },
  'without a message': {
    ...question,
    bindingMessage: undefined,
    claims: ['birthdate'],
    resources: [
      {
        resource: 'https://api.example.org',
        name: 'Kitchen',
        scopes: [
          { code: 'read', description: 'See what is in the oven' },
          { code: 'write', description: undefined },
        ],
      },
    ],
  },
  hostile: {
    ...question,
    app: hostile,
    account: { email: LONG_EMAIL, name: HOSTILE },
    bindingMessage: HOSTILE,
    scopes: [{ code: HOSTILE, known: false }],
    claims: [HOSTILE],
    resources: [{ resource: HOSTILE, name: HOSTILE, scopes: [{ code: HOSTILE, description: HOSTILE }] }],
  },
}
const setup: ViewModels['setup'] = {
  ...form('/setup'),
  state: 'form',
  values: { email: '', name: '' },
  rules,
}
const link: ViewModels['verify-email-link'] = {
  askPassword: false,
  ...form('/verify'),
  state: 'confirm',
  email: 'ada@example.com',
}
const device = { action: '/device', xsrf: 'xsrf-token', userCode: 'WDJB-MJHT' }
const userAgent = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/141.0'

/** All samples: view, then state. */
export const samples: { [N in ViewName]: Record<string, ViewModels[N]> } = {
  'home-evaluation': {
    fresh: {
      webAppUrl: 'http://localhost:3000/sample/web',
      spaUrl: 'http://localhost:3000/sample/spa',
      mailboxUrl: '/mailbox',
      discoveryUrl: 'http://localhost:3000/.well-known/openid-configuration',
      issuer: 'http://localhost:3000',
      setupUrl: '/setup/3yTq0d5rW1',
    },
    'set up': {
      ...{ webAppUrl: '/sample/web', spaUrl: '/sample/spa', mailboxUrl: '/mailbox', discoveryUrl: '/d' },
      ...{ issuer: 'http://localhost:3000', setupUrl: undefined },
    },
  },
  home: {
    production: {
      issuer: 'https://login.example.com',
      discoveryUrl: 'https://login.example.com/.well-known/openid-configuration',
      apps: [],
    },
    'with apps': {
      ...{ issuer: 'https://login.example.com', discoveryUrl: '/d' },
      apps: [
        { name: 'Calendar', host: 'calendar.example', url: '/open-app?client_id=calendar' },
        { name: HOSTILE, host: 'x.example', url: '/open-app?client_id=x' },
      ],
    },
  },
  ...interactionSamples,
  'forgot-password': {
    empty: forgot,
    wrong: { ...forgot, ...form('/f', { email: { code: 'invalid_email' } }), values: { email: HOSTILE } },
    throttled: { ...forgot, retryAfterSeconds: 600, values: { email: 'ada@example.com' } },
    sent: { ...forgot, sent: true, values: { email: 'ada@example.com' }, mailboxUrl: '/mailbox' },
    'sent, no way back': { ...forgot, sent: true, values: { email: LONG_EMAIL }, backUrl: undefined },
  },
  'reset-password': {
    form: reset,
    same: { ...reset, ...form('/r', { password: { code: 'password_same' } }) },
    expired: { ...reset, state: 'expired' },
    used: { ...reset, state: 'used' },
  },
  'reset-password-done': {
    'back to the request': { continueUrl: '/interaction/i1' },
    elsewhere: { continueUrl: undefined },
  },
  'verify-email-link': {
    another_browser: { ...link, askPassword: true },
    another_browser_wrong: {
      ...link,
      askPassword: true,
      errors: { password: { code: 'registration_password' } },
    },
    confirm: link,
    expired: { ...link, state: 'expired' },
    used: { ...link, state: 'used' },
    hostile: { ...link, email: HOSTILE },
  },
  'verify-email-done': {
    'same browser': { continueUrl: '/interaction/i1', email: 'ada@example.com' },
    'another browser': { continueUrl: undefined, email: 'ada@example.com' },
  },
  logout: {
    'by an app': {
      ...{ action: '/session/end/confirm', xsrf: 'xsrf-token', app: photos },
      account: { email: 'ada@example.com', name: 'Ada Lovelace' },
    },
    plain: { action: '/session/end/confirm', xsrf: HOSTILE, app: undefined, account: undefined },
  },
  'signing-out': {
    'two apps': {
      frames: [
        'https://photos.example/logout?iss=https%3A%2F%2Fid.example&sid=1',
        'https://mail.example/out',
      ],
      continueUrl: 'https://photos.example/signed-out?state=1',
    },
    hostile: { frames: [`https://x.example/?${HOSTILE}`], continueUrl: `https://x.example/?${HOSTILE}` },
  },
  'logout-done': {
    'with an app': { app: photos, homeUrl: '/' },
    plain: { app: undefined, homeUrl: '/' },
    hostile: { app: { ...hostile, clientUri: 'https://x.example/' }, homeUrl: '/' },
    'unsafe link': { app: hostile, homeUrl: '/' },
  },
  'device/code': {
    empty: { ...device, userCode: '', errors: {} },
    wrong: { ...device, errors: { user_code: { code: 'user_code_wrong' } } },
    missing: { ...device, userCode: '', errors: { user_code: { code: 'user_code_required' } } },
    hostile: { ...device, userCode: HOSTILE, errors: {} },
  },
  'device/confirm': {
    usual: {
      ...device,
      app: { ...photos, name: 'Kitchen TV' },
      device: { ip: '192.0.2.44', userAgent, elsewhere: false },
    },
    elsewhere: { ...device, app: photos, device: { ip: '203.0.113.9', userAgent, elsewhere: true } },
    'device unknown': {
      ...device,
      app: stranger,
      device: { ip: undefined, userAgent: undefined, elsewhere: false },
    },
    hostile: {
      ...device,
      app: hostile,
      userCode: HOSTILE,
      device: { ip: '2001:db8::1', userAgent: HOSTILE, elsewhere: true },
    },
  },
  'device/done': {
    approved: { app: { ...photos, name: 'Kitchen TV' }, outcome: 'approved' },
    denied: { app: hostile, outcome: 'denied' },
  },
  approve: approveSamples,
  'approve-done': {
    approved: { app: { ...photos, name: 'Kitchen TV' }, outcome: 'approved' },
    denied: { app: hostile, outcome: 'denied' },
  },
  setup: {
    form: setup,
    wrong: {
      ...setup,
      ...form('/setup', { email: { code: 'required' }, password: { code: 'required' } }),
      values: { email: '', name: HOSTILE },
    },
    used: { ...setup, state: 'used' },
  },
  'setup-done': { done: { email: 'ada@example.com', homeUrl: '/' } },
  'mailbox/list': {
    empty: { messages: [], deadLetters: 0, clearAction: '/mailbox/clear', csrf: 'csrf-token' },
    some: {
      messages: [
        {
          id: 'm1',
          to: 'ada@example.com',
          subject: '418 204 is your code for Ostiary',
          at: '2026-08-24T10:12:00Z',
        },
        { id: 'm2', to: LONG_EMAIL, subject: HOSTILE, at: '2026-08-24T09:00:00Z' },
      ],
      ...{ deadLetters: 1, clearAction: '/mailbox/clear', csrf: 'csrf-token' },
    },
  },
  'mailbox/message': {
    mail: {
      ...{
        id: 'm1',
        to: 'ada@example.com',
        from: 'Ostiary <no-reply@localhost>',
        at: '2026-08-24T10:12:00Z',
      },
      ...{
        subject: '418 204 is your code for Ostiary',
        text: 'Hello,\n\n418 204\n',
        htmlUrl: '/mailbox/m1/html',
      },
    },
    hostile: {
      ...{ id: HOSTILE, to: HOSTILE, from: HOSTILE, subject: HOSTILE, at: 'not a date' },
      ...{ text: HOSTILE.repeat(20), htmlUrl: '/mailbox/m2/html' },
    },
  },
  error: errorSamples,
}
