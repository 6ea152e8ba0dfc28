/** `ostiary doctor`: looks at everything this deployment needs, changes nothing, and says what to do. */
import { styleText } from 'node:util'
import type { Command } from 'commander'
import { readSettings } from '../config/read-env.ts'
import { plain } from '../domain/failures/as-text.ts'
import { type Answer, answers } from './answer.ts'
import { FINDINGS, type Seen, type Severity } from './doctor/findings.ts'
import { lookAtMachine } from './doctor/machine.ts'
import { lookAtIssuer, lookAtMail } from './doctor/outside.ts'
import { lookAtSettings } from './doctor/settings.ts'
import { lookAtRedis, lookAtStores } from './doctor/stores.ts'
import { leaf } from './leaf.ts'
import { type Parts, readConfig } from './stores.ts'

export function doctorCommand(program: Command): void {
  leaf(program, 'doctor', {
    summary: 'look at everything this deployment needs, and say what to do',
    description: `Looks at the settings, the issuer as apps see it, mail (connects and signs in, sends nothing), the database, Redis,
the clock, keys, what waits to be sent, and this machine. Changes nothing. Each finding has a code that
docs/troubleshooting.md explains. Exit code 3 when there are errors or warnings; notes are no fault.`,
    examples: ['doctor', 'doctor --json'],
  }).action(answers(examine))
}

async function examine(): Promise<Answer> {
  const settings = readSettings()
  let parts: Parts
  try {
    parts = readConfig(settings, { looks: true })
  } catch (error) {
    return report([{ area: 'settings', code: 'settings-invalid', what: (error as Error).message }])
  }
  const { config, secrets } = parts
  const seen = await Promise.all([
    lookAtSettings(config, settings),
    lookAtIssuer(config),
    lookAtMail(config, secrets),
    lookAtStores(parts),
    lookAtRedis(secrets),
    lookAtMachine(config.database.kind === 'pglite' ? config.dataDir : '.'),
  ])
  const unseen: Seen = {
    area: 'calls',
    code: 'breakers-unseen',
    what: 'addresses that are left alone are not seen from here',
  }
  return report([...seen.flat(), unseen])
}

function report(seen: readonly Seen[]): Answer {
  const checks = seen.map((one) => {
    if ('well' in one) return { area: one.area, state: 'ok' as const, what: one.well }
    const [severity, change] = FINDINGS[one.code]
    return { area: one.area, state: severity, code: one.code, what: one.what, change }
  })
  const lines = checks.map((one) => {
    const head = `${mark(one.state)}  ${one.area.padEnd(8)}  ${plain(one.what)}`
    return 'code' in one ? `${head}  [${one.code}]\n                   -> ${one.change}` : head
  })
  const count = (wanted: string) => checks.filter(({ state }) => state === wanted).length
  const [errors, warnings] = [count('error'), count('warning')]
  const words = [...lines, `\n${errors} errors, ${warnings} warnings, ${count('note')} notes`].join('\n')
  return { json: { checks, errors, warnings }, words, found: errors + warnings > 0 }
}

function mark(state: Severity | 'ok'): string {
  const colour = ({ ok: 'green', note: 'dim', warning: 'yellow', error: 'red' } as const)[state]
  return styleText(colour, state.padEnd(7), { stream: process.stdout })
}
