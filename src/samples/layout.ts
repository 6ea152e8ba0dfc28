import { type Html, html } from './html.ts'

export interface Links {
  /** The provider's start page. */
  home: string
  /** The page that shows the e-mail which the provider sent during the evaluation. */
  mailbox: string
}

export interface Page {
  title: string
  content: Html
  /** The path of the navigation entry that this page belongs to. */
  current?: '/' | '/web' | '/spa' | '/tv'
}

function entry(path: Page['current'], label: string, current: Page['current']): Html {
  return path === current
    ? html`<li><a href="${path}" aria-current="page">${label}</a></li>`
    : html`<li><a href="${path}">${label}</a></li>`
}

/** The frame of every page. `public/spa.html` repeats it by hand, as it is a static file. */
export function layout({ title, content, current }: Page, links: Links): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title} · Sample apps</title>
<link rel="icon" href="/sample-web.svg" type="image/svg+xml">
<link rel="stylesheet" href="/samples.css">
</head>
<body>
<a class="skip" href="#content">Skip to content</a>
<header class="top">
<p class="stamp">Sample apps <span>for trying out the provider</span></p>
<nav aria-label="Samples"><ul>
${entry('/', 'Overview', current)}
${entry('/web', 'Web app', current)}
${entry('/spa', 'Single-page app', current)}
${entry('/tv', 'Television', current)}
</ul></nav>
</header>
<main id="content" tabindex="-1">
${content}
</main>
<footer class="bottom">
<p><a href="${links.home}">Provider’s start page</a> · <a href="${links.mailbox}">Mailbox</a></p>
<p>The sample apps keep what they know in memory, and forget it when they stop.</p>
</footer>
</body>
</html>
`.text
}
