/** What the sample television shows. */
import type { DeviceAuthorizationResponse, UserInfoResponse } from 'openid-client'
import { type Html, html } from './html.ts'

interface TvPage {
  title: string
  content: Html
}

const connect = (label: string) =>
  html`<form method="post" action="/tv/connect"><button class="primary">${label}</button></form>`

export function offPage(): TvPage {
  return {
    title: 'Sample television',
    content: html`
<h1>Sample television</h1>
<p class="lead">Nobody is signed in here.</p>
${connect('Connect')}
<section class="card" aria-labelledby="how">
<h2 id="how">What happens</h2>
<ol>
<li>This app has no browser to sign in with. It asks the provider for a code, and shows it.</li>
<li>On your phone you scan it or type it, sign in, and compare the codes.</li>
<li>Meanwhile this app asks the provider every few seconds, and has its tokens when you have agreed.</li>
</ol>
<p class="note">Device authorization grant (RFC 8628), as a public client.</p>
</section>`,
  }
}

/** @param picture the address with the code in it, to scan */
export function waitingPage(started: DeviceAuthorizationResponse, picture: string): TvPage {
  const { verification_uri: address, user_code: code } = started
  return {
    title: 'Connect, sample television',
    content: html`
<h1>Connect this television</h1>
<section class="card columns" aria-label="How to connect">
<div>
<h2>Scan this</h2>
<p><img class="qr" src="${picture}" width="220" height="220" alt="QR code of the address, with the code in it"></p>
</div>
<div>
<h2>Or type it</h2>
<p>Open <a href="${address}" target="_blank" rel="noreferrer">${address}</a> on another device and enter</p>
<p class="user-code"><code>${code}</code></p>
<p class="note">The code is good for ten minutes. Go on only if your phone shows the same one.</p>
</div>
</section>
<form method="post" action="/tv/off"><button>Cancel</button></form>`,
  }
}

export function connectedPage({ name, email, sub }: UserInfoResponse): TvPage {
  return {
    title: 'Connected, sample television',
    content: html`
<h1>Good evening, ${name ?? email ?? sub}</h1>
<p class="lead">This television is connected.</p>
<form method="post" action="/tv/off"><button>Disconnect</button></form>`,
  }
}

const ENDS = {
  denied: 'You said no on the other device, so nothing was connected.',
  expired: 'Nobody answered within ten minutes, and the code has expired.',
  failed: 'The provider could not be asked. Its log may say why.',
}

export function endedPage(end: keyof typeof ENDS): TvPage {
  return {
    title: 'Not connected, sample television',
    content: html`
<h1>Not connected</h1>
<p class="lead" role="status">${ENDS[end]}</p>
${connect('Try again')}`,
  }
}
