/** States of the error page. */
import type { ViewModels } from './view-models.ts'
import { HOSTILE } from './view-samples-interaction.ts'

export const errorSamples: Record<string, ViewModels['error']> = {
  'redirect address, evaluation': {
    status: 400,
    code: 'redirect-uri',
    failureCode: 'K7QM-2XPA',
    explanation: {
      error: 'invalid_redirect_uri',
      description: "redirect_uri did not match any of the client's registered redirect_uris",
      summary:
        'The redirect_uri is not one of those the client has registered; they are compared letter by letter.',
      facts: [
        { name: 'sent', value: 'https://app.example/callback/' },
        { name: 'expected', value: 'https://app.example/callback' },
        { name: 'nearest', value: 'https://app.example/callback' },
        { name: 'difference', value: 'has a slash at the end' },
      ],
      change: 'Send https://app.example/callback, or add https://app.example/callback/ to the redirect_uris.',
      standard: {
        name: 'RFC 6749, section 3.1.2.3',
        url: 'https://www.rfc-editor.org/rfc/rfc6749#section-3.1.2.3',
      },
      request: [
        { name: 'client_id', value: 'app' },
        { name: 'redirect_uri', value: 'https://app.example/callback/' },
        { name: 'state', value: 'present, 43 characters' },
      ],
    },
    action: { kind: 'home', url: '/' },
  },
  'request expired': {
    ...{ status: 400, code: 'request-expired' },
    action: { kind: 'app', url: 'https://photos.example.com/' },
  },
  'redirect address, production': {
    ...{ status: 400, code: 'redirect-uri', failureCode: 'K7QM-2XPA', action: undefined },
  },
  throttled: { status: 429, code: 'throttled', action: undefined, retryAfterSeconds: 30 },
  'start again': { status: 400, code: 'other-browser', action: { kind: 'restart', url: '/start' } },
  'unknown code': { status: 500, code: 'surprise', action: { kind: 'app', url: 'javascript:alert(1)' } },
  hostile: {
    ...{ status: 400, code: HOSTILE, action: { kind: 'app', url: `https://x.example/"${HOSTILE}` } },
    ...{ failureCode: HOSTILE },
    explanation: {
      ...{ error: HOSTILE, description: HOSTILE, summary: HOSTILE, change: HOSTILE },
      facts: [{ name: 'sent', value: HOSTILE.repeat(5) }],
      standard: { name: HOSTILE, url: 'javascript:alert(1)' },
      request: [{ name: HOSTILE, value: HOSTILE.repeat(5) }],
    },
  },
}
