/** Renders a page into an answer. The only place that knows both Koa and the templates. */
import type { Context } from 'koa'
import type { Clock } from '../domain/ports.ts'
import type { createRenderer } from './render.ts'
import { stateOf } from './state.ts'
import type { PageContext, ViewModels, ViewName } from './view-models.ts'

export interface PageSettings {
  brandName: string
  evaluation: boolean
  clock: Clock
}

export class Pages {
  readonly #renderer: ReturnType<typeof createRenderer>
  readonly #settings: PageSettings

  constructor(renderer: ReturnType<typeof createRenderer>, settings: PageSettings) {
    this.#renderer = renderer
    this.#settings = settings
  }

  show<N extends ViewName>(
    ctx: Pick<Context, 'state' | 'get'> & { status: number; type: string; body: unknown },
    name: N,
    model: ViewModels[N],
    status = 200,
  ): void {
    const page: PageContext = {
      lang: preferredLanguage(ctx.get('Accept-Language')),
      requestId: stateOf(ctx).facts?.id ?? '-',
      time: this.#settings.clock.now().toISOString(),
      evaluation: this.#settings.evaluation,
      brand: { name: this.#settings.brandName },
      homeUrl: '/',
    }
    const html = this.#renderer.render(name, model, page)
    ctx.status = status
    ctx.type = 'html'
    ctx.body = html
  }
}

/** The first language of the header; the renderer falls back to English for what it does not have. */
function preferredLanguage(header: string): string {
  return /^[A-Za-z]{2,3}(?=[-,;]|$)/.exec(header.trim())?.[0]?.toLowerCase() ?? 'en'
}
