/** `ostiary …` as an operator runs it, by its own file and to its end, with exactly the settings given. */
import { spawn, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { ROOT } from './source-tree.ts'
import type { RunningApp } from './start-app.ts'

/** And not what it starts: this keeps compiled code between two runs, which takes a third of the time off each. */
const ENTRY = join(ROOT, 'bin/ostiary')
const LIMIT_MS = 120_000

export interface Said {
  status: number | null
  stdout: string
  stderr: string
}

/** With which a command comes to the database of an app that runs, and knows its issuer. */
export function settingsOf({
  issuer,
  secrets,
}: Pick<RunningApp, 'issuer' | 'secrets'>): Record<string, string> {
  return {
    DATABASE_URL: String(secrets.databaseUrl),
    OSTIARY_SECRET_KEY: secrets.rootKey.toString('base64'),
    PORT: new URL(issuer).port,
  }
}

/** @param input what it reads from stdin */
export function ostiary(settings: Record<string, string>, words: readonly string[], input?: string): Said {
  const { status, stdout, stderr } = spawnSync(process.execPath, [ENTRY, ...words], {
    ...{ cwd: ROOT, encoding: 'utf8', timeout: LIMIT_MS },
    env: { PATH: process.env.PATH, ...settings },
    ...(input === undefined ? {} : { input }),
  })
  return { status, stdout, stderr }
}

/** The same beside a server of this very process, which has to go on answering. */
export async function ostiaryMeanwhile(
  settings: Record<string, string>,
  words: readonly string[],
  input = '',
): Promise<Said> {
  const child = spawn(process.execPath, [ENTRY, ...words], {
    ...{ cwd: ROOT, timeout: LIMIT_MS },
    env: { PATH: process.env.PATH, ...settings },
  })
  child.stdin.end(input)
  const [stdout, stderr, status] = await Promise.all([
    textOf(child.stdout),
    textOf(child.stderr),
    new Promise<number | null>((resolve) => child.once('exit', resolve)),
  ])
  return { status, stdout, stderr }
}

async function textOf(stream: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}
