/** The start page in production: the operator's apps, and a page all the same when they cannot be read. */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import Koa, { type Middleware } from 'koa'
import { createAssets } from '../../src/http/assets.ts'
import { home } from '../../src/http/home.ts'
import type { OpenableApp } from '../../src/http/open-app.ts'
import { Pages } from '../../src/http/pages.ts'
import { createRenderer } from '../../src/http/render.ts'
import { ROOT } from '../support/source-tree.ts'

describe('the start page in production', () => {
  const viewsDir = `${ROOT}/views`
  const settings = { brandName: 'Ostiary', evaluation: false, clock: { now: () => new Date() } }
  const pages = new Pages(createRenderer({ viewsDir, brandName: 'Ostiary', evaluation: false }), settings)

  async function show<T>(apps: () => Promise<OpenableApp[]>, look: (url: string) => Promise<T>): Promise<T> {
    const app = new Koa()
    const issuer = 'https://id.example.org'
    app.use(createAssets(`${viewsDir}/assets`))
    const router = home({ pages, issuer, samplesOrigin: undefined, apps, setupUrl: async () => undefined })
    app.use(router.routes() as unknown as Middleware)
    const server = app.listen(0, '127.0.0.1')
    await once(server, 'listening')
    try {
      return await look(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
    } finally {
      server.closeAllConnections()
      server.close()
    }
  }
  const textOf = async (url: string) => (await fetch(url)).text()

  it('leads to the apps that can be opened from here', async () => {
    const photos = { name: 'Photos & more', host: 'photos.example', url: '/open-app?client_id=a%26b' }
    const html = await show(async () => [photos], textOf)
    expect(html).to.include(
      '<a href="/open-app?client_id=a%26b">Photos &amp; more</a> <span>photos.example</span>',
    )
  })

  it('has no list without apps, and none when they cannot be read', async () => {
    const away = async () => {
      throw new Error('the database is away')
    }
    for (const apps of [async () => [], away]) {
      const html = await show(apps, textOf)
      expect(html).to.include('class="view-home"').and.to.not.include('class="places"')
    }
  })
})
