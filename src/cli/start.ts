/** `ostiary start`: the server itself. */
import type { Command } from 'commander'
import { leaf } from './leaf.ts'

export function startCommand(program: Command): void {
  leaf(program, 'start', {
    summary: 'serve; what npm start does',
    description: `Serves until it is told to stop (SIGTERM, Ctrl+C). Writes its log to stdout, as JSON lines in production.`,
    examples: ['start', 'start | tee ostiary.log'],
  }).action(async () => {
    // Loaded when needed: no other command has a use for the whole server, and it runs when it is loaded.
    await import('../main.ts')
  })
}
