/** The pages of the sample web app. */
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { type Html, html } from './html.ts'
import type { Account, ApiCall } from './sessions.ts'

interface WebPage {
  title: string
  content: Html
}

export function signedOutPage({ notice }: { notice: string | undefined }): WebPage {
  return {
    title: 'Sample web app',
    content: html`
<h1>Sample web app</h1>
${noticeBox(notice)}
<p class="lead">You are not signed in.</p>
<form method="post" action="/web/sign-in"><button class="primary">Sign in</button></form>
<section class="card" aria-labelledby="how">
<h2 id="how">What happens</h2>
<ol>
<li>This app sends your browser to the provider, and asks who you are.</li>
<li>The provider signs you in, and sends your browser back with a short-lived code.</li>
<li>This app’s server trades the code for tokens, and checks them. Your browser never sees them.</li>
</ol>
<p class="note">Authorization code flow with PKCE, as a confidential client.</p>
</section>`,
  }
}

export function signedInPage(view: {
  account: Account
  apiCall: ApiCall | undefined
  notice: string | undefined
  apiUrl: string
}): WebPage {
  const { account, apiCall, notice, apiUrl } = view
  const { name, email } = { ...account.idTokenClaims, ...account.userinfo }
  return {
    title: 'Signed in, sample web app',
    content: html`
<h1>Sample web app</h1>
${noticeBox(notice)}
<section class="card" aria-labelledby="who">
<h2 id="who">Signed in as ${text(name) ?? text(email) ?? account.sub}</h2>
<dl class="facts">
${fact('Name', text(name))}
${fact('E-mail', text(email))}
${fact('Subject', account.sub)}
${fact('Session', account.sid)}
${fact('Access token valid until', account.accessTokenExpiresAt && time(account.accessTokenExpiresAt))}
</dl>
<div class="actions">
<form method="post" action="/web/renew"><button>Renew the tokens</button></form>
<form method="post" action="/web/sign-out"><button>Sign out</button></form>
</div>
</section>

<section class="card" id="api" aria-labelledby="api-heading">
<h2 id="api-heading">Protected API</h2>
<p><code>GET ${apiUrl}</code></p>
<div class="actions">
<form method="post" action="/web/call-api"><button class="primary">Call the API</button></form>
<form method="post" action="/web/call-api-without-token"><button>Call it without a token</button></form>
</div>
${apiCall && apiAnswer(apiCall)}
</section>

<section class="card" aria-labelledby="claims">
<h2 id="claims">Claims</h2>
<div class="columns">
<div><h3>From the ID token</h3>${json(account.idTokenClaims)}</div>
<div><h3>From the userinfo endpoint</h3>${json(account.userinfo)}</div>
</div>
</section>

<section class="card" aria-labelledby="tokens">
<h2 id="tokens">Tokens</h2>
<p class="note">Shown for learning. A real app keeps its tokens to itself.</p>
${token('ID token', account.idToken)}
${token('Access token for the userinfo endpoint', account.accessToken)}
${account.apiToken && token('Access token for the API', account.apiToken.value)}
${account.refreshToken !== undefined && token('Refresh token', account.refreshToken)}
</section>`,
  }
}

export function problemPage(problem: {
  heading: string
  text: string
  code?: string | undefined
  description?: string | undefined
}): WebPage {
  return {
    title: problem.heading,
    content: html`
<h1>${problem.heading}</h1>
<p class="lead">${problem.text}</p>
${
  problem.code !== undefined &&
  html`<dl class="facts">${fact('Error', problem.code)}${fact('Said by the provider', problem.description)}</dl>`
}
<div class="actions">
<form method="post" action="/web/sign-in"><button class="primary">Try again</button></form>
<a class="button" href="/web">Back to the web app</a>
</div>`,
  }
}

function noticeBox(notice: string | undefined): Html {
  return html`${notice !== undefined && html`<p class="notice" role="status">${notice}</p>`}`
}

function fact(label: string, value: string | Html | undefined): Html {
  return html`${value !== undefined && html`<div><dt>${label}</dt><dd>${value}</dd></div>`}`
}

function apiAnswer(call: ApiCall): Html {
  return html`
<h3>Answer at ${time(call.at)}</h3>
<dl class="facts">
${fact('Asked', call.withToken ? 'with an access token' : 'without a token')}
<div><dt>Status</dt><dd><span class="status ${call.status < 400 ? 'good' : 'bad'}">${call.status}</span></dd></div>
${fact('WWW-Authenticate', call.wwwAuthenticate === null ? undefined : html`<code>${call.wwwAuthenticate}</code>`)}
</dl>
${json(call.body)}`
}

function token(label: string, value: string): Html {
  const decoded = decode(value)
  return html`
<details>
<summary>${label} <span class="kind">${decoded ? 'JWT' : 'opaque'}</span></summary>
${
  decoded
    ? html`<h3>Header</h3>${json(decoded.header)}
<h3>Payload</h3>${json(decoded.payload)}`
    : html`<p>Opaque: only the provider can tell what it stands for. It begins with <code>${value.slice(0, 6)}…</code></p>`
}
</details>`
}

/** For show only: this checks nothing. */
function decode(value: string) {
  try {
    return { header: decodeProtectedHeader(value), payload: decodeJwt(value) }
  } catch {
    return undefined
  }
}

function json(value: unknown): Html {
  return html`<pre>${JSON.stringify(value, null, 2)}</pre>`
}

function time(date: Date): Html {
  return html`<time datetime="${date.toISOString()}">${date.toISOString().slice(11, 19)} UTC</time>`
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}
