// The sample single-page app: a public client, all of it in the browser.
// OpenID Connect Core 1.0, section 3.1 (authorization code flow), with PKCE (RFC 7636), by oidc-client-ts.
import { apiSettings, identitySettings, loadConfiguration } from './spa-settings.js'

const { ErrorResponse, User, UserManager } = globalThis.oidc

const element = (id) => document.getElementById(id)

// ---------------------------------------------------------------- talking to the provider

const configuration = await loadConfiguration()
const identity = new UserManager(identitySettings(configuration))
const apiTokens = new UserManager(apiSettings(configuration))

async function signIn() {
  note('Going to the provider to sign in')
  // OpenID Connect Core 1.0, section 11: a refresh token for offline access needs the person's consent.
  await identity.signinRedirect({ prompt: 'consent' })
}

async function renewByFrame() {
  note('Asking the provider in a hidden frame, with prompt=none')
  const before = await identity.getUser()
  const after = await identity.signinSilent({ forceIframeAuth: true })
  // The provider gives a refresh token only with consent, so there was none this time: keep the one we have.
  await identity.storeUser(
    new User({ ...after, refresh_token: after.refresh_token ?? before?.refresh_token }),
  )
  note('Renewed in the hidden frame')
}

async function renewByRefreshToken() {
  const user = await identity.getUser()
  if (!user?.refresh_token) throw new Error('There is no refresh token')
  note('Sending the refresh token to the token endpoint')
  // With a refresh token at hand, this is what signinSilent does unless told otherwise (RFC 6749, section 6).
  await identity.signinSilent()
  note('Renewed by refresh token')
}

async function apiToken() {
  const user = await identity.getUser()
  let token = await apiTokens.getUser()
  if (!token || token.expired || token.profile.sub !== user.profile.sub) {
    note('Getting an access token for the API, in a hidden frame')
    await apiTokens.removeUser()
    token = await apiTokens.signinSilent({ forceIframeAuth: true })
    // Somebody else may have signed in at the provider in the meantime.
    if (token.profile.sub !== user.profile.sub) {
      await apiTokens.removeUser()
      throw new Error('Another person is signed in at the provider now')
    }
  }
  return token.access_token
}

async function callApi(token) {
  const response = await fetch(configuration.apiUrl, {
    // RFC 6750, section 2.1
    headers: token ? { Authorization: `Bearer ${token}` } : {},
  })
  note(`The API answered ${response.status}`)
  showApiAnswer({
    withToken: Boolean(token),
    status: response.status,
    wwwAuthenticate: response.headers.get('WWW-Authenticate'),
    body: await response.json(),
  })
}

async function signOut() {
  note('Going to the provider to sign out')
  // A JWT access token cannot be called back: it is only forgotten, and ends by itself within minutes.
  await apiTokens.removeUser()
  // RFC 7009: the refresh token would outlive the sign-out, so it is handed back.
  await identity
    .revokeTokens(['refresh_token'])
    .catch((error) => note(`The refresh token could not be handed back: ${error.message}`))
  // OpenID Connect RP-Initiated Logout 1.0, section 2: takes the ID token along as `id_token_hint`.
  // Anything given as `state` makes oidc-client-ts send one, by which the answer is known (section 3).
  await identity.signoutRedirect({ state: 'signing out' })
}

/** The browser comes back from the provider to /spa/callback, or after a sign-out to /spa, with an answer. */
async function handleAnswer() {
  const answer = new URLSearchParams(location.search)
  try {
    if (location.pathname === '/spa/callback') {
      await identity.signinCallback()
      note('Signed in')
    } else if (answer.has('state')) {
      await identity.signoutCallback()
      note('Signed out')
    }
  } finally {
    // Codes and states do not belong into the history.
    if (location.search || location.pathname !== '/spa') history.replaceState(null, '', '/spa')
  }
}

// ---------------------------------------------------------------- showing it

const PROBLEMS = {
  access_denied: 'The sign-in was cancelled at the provider.',
  login_required: 'Nobody is signed in at the provider any more. Please sign in again.',
  consent_required: 'The provider wants to ask for your consent first. Please sign in again.',
  interaction_required: 'The provider wants to ask you something first. Please sign in again.',
  invalid_grant: 'The provider no longer accepts this. Please sign in again.',
}

async function show() {
  const user = await identity.getUser()
  const token = await apiTokens.getUser()
  element('who').textContent = user
    ? `Signed in as ${user.profile.name ?? user.profile.email ?? user.profile.sub}`
    : 'You are not signed in'
  element('facts').replaceChildren(
    ...(user
      ? [
          fact('Name', user.profile.name),
          fact('E-mail', user.profile.email),
          fact('Subject', user.profile.sub),
          fact('Access token valid until', new Date(user.expires_at * 1000).toLocaleTimeString()),
        ]
      : []),
  )
  element('sign-in').hidden = Boolean(user) && !signInAgain
  for (const id of ['sign-out', 'renewal', 'api', 'claims-card', 'tokens-card']) element(id).hidden = !user
  element('api-url').textContent = `GET ${configuration.apiUrl}`
  if (!user) element('api-answer').replaceChildren()
  element('claims').replaceChildren(...(user ? [json(user.profile)] : []))
  element('tokens').replaceChildren(
    ...(user
      ? [
          tokenDetails('ID token', user.id_token),
          tokenDetails('Access token for the userinfo endpoint', user.access_token),
          tokenDetails('Access token for the API', token?.access_token),
          tokenDetails('Refresh token', user.refresh_token),
        ]
      : []
    ).filter(Boolean),
  )
}

function showApiAnswer({ withToken, status, wwwAuthenticate, body }) {
  const heading = make('h3', {}, `Answer at ${new Date().toLocaleTimeString()}`)
  const facts = make('dl', { class: 'facts' })
  facts.append(
    fact('Asked', withToken ? 'with an access token' : 'without a token'),
    fact('Status', make('span', { class: `status ${status < 400 ? 'good' : 'bad'}` }, String(status))),
    fact('WWW-Authenticate', wwwAuthenticate && make('code', {}, wwwAuthenticate)),
  )
  element('api-answer').replaceChildren(heading, facts, json(body))
}

function showProblem(error) {
  const text =
    error instanceof ErrorResponse
      ? (PROBLEMS[error.error] ?? `The provider answered: ${error.error_description ?? error.error}`)
      : error.message
  element('problem').textContent = text
  element('problem').hidden = false
  note(error instanceof ErrorResponse ? `${text} (${error.error})` : text)
}

const MAX_NOTES = 12

function note(text) {
  const now = new Date()
  const item = make('li')
  item.append(make('time', { datetime: now.toISOString() }, now.toLocaleTimeString()), ` ${text}`)
  element('log').append(item)
  if (element('log').childElementCount > MAX_NOTES) element('log').firstElementChild.remove()
}

function fact(label, value) {
  const group = make('div')
  if (!value) return group
  const description = make('dd')
  description.append(value)
  group.append(make('dt', {}, label), description)
  return group
}

function tokenDetails(label, token) {
  if (!token) return undefined
  const decoded = decode(token)
  const summary = make('summary', {}, `${label} `)
  summary.append(make('span', { class: 'kind' }, decoded ? 'JWT' : 'opaque'))
  const details = make('details')
  details.append(summary)
  if (decoded) {
    details.append(make('h3', {}, 'Header'), json(decoded.header))
    details.append(make('h3', {}, 'Payload'), json(decoded.payload))
  } else {
    details.append(make('p', {}, 'Opaque: only the provider can tell what it stands for.'))
  }
  return details
}

/** For show only: this checks nothing. */
function decode(token) {
  try {
    const [header, payload] = token.split('.', 2).map((part) => {
      const binary = atob(part.replace(/-/g, '+').replace(/_/g, '/'))
      return JSON.parse(
        new TextDecoder().decode(Uint8Array.from(binary, (character) => character.charCodeAt(0))),
      )
    })
    return payload && { header, payload }
  } catch {
    return undefined
  }
}

function json(value) {
  return make('pre', {}, JSON.stringify(value, null, 2))
}

function make(name, attributes = {}, text = '') {
  const node = document.createElement(name)
  for (const [attribute, value] of Object.entries(attributes)) node.setAttribute(attribute, value)
  // Always as text, never as markup: much of what is shown here came from somewhere else.
  node.textContent = text
  return node
}

// ---------------------------------------------------------------- starting up

function onClick(id, action) {
  element(id).addEventListener('click', () => run(action))
}

/** One action at a time: the refresh token may be good for one use only. */
let busy = false
/** The last action failed in a way that only signing in again can mend. */
let signInAgain = false

async function run(action) {
  if (busy) return
  busy = true
  signInAgain = false
  element('problem').hidden = true
  try {
    await action()
  } catch (error) {
    signInAgain = error instanceof ErrorResponse && error.error in PROBLEMS
    showProblem(error)
  } finally {
    busy = false
    await show()
  }
}

onClick('sign-in', signIn)
onClick('sign-out', signOut)
onClick('renew-by-frame', renewByFrame)
onClick('renew-by-refresh-token', renewByRefreshToken)
onClick('call-api', async () => callApi(await apiToken()))
onClick('call-api-without-token', () => callApi(undefined))
identity.events.addAccessTokenExpiring(() => note('The access token is about to expire'))
identity.events.addAccessTokenExpired(() => note('The access token has expired'))

note('Ready')
await run(handleAnswer)
