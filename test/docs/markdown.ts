/** Reads what the documentation promises: tables, marked code blocks, links. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('../../', import.meta.url))

export function readDoc(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8')
}

/** The rows of every table whose head begins with these cells, without the head. */
export function tableRows(text: string, ...head: string[]): string[][] {
  const rows: string[][] = []
  let inside = false
  for (const line of text.split('\n')) {
    if (!line.startsWith('|')) {
      inside = false
      continue
    }
    const cells = line
      .slice(1, line.lastIndexOf('|'))
      .split('|')
      .map((cell) => cell.trim())
    if (head.every((name, index) => cells[index] === name)) inside = true
    else if (inside && !cells.every((cell) => /^-+$/.test(cell))) rows.push(cells)
  }
  return rows
}

/** The code block after `<!-- test: name -->`. */
export function markedBlock(text: string, name: string): string {
  const block = new RegExp(`<!-- test: ${name} -->\\n\`\`\`\\w+\\n([\\s\\S]*?)\\n\`\`\``).exec(text)?.[1]
  if (block === undefined) throw new Error(`there is no code block marked "${name}"`)
  return block
}

/** What stands in backquotes. */
export function quoted(text: string): string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? '')
}

/** Targets of links and pictures that are files of ours, with the part after the hash. */
export function localLinks(text: string): { file: string; anchor: string | undefined }[] {
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)]
    .map((match) => match[1] ?? '')
    .filter((target) => !/^[a-z]+:/.test(target))
    .map((target) => {
      const [file = '', anchor] = target.split('#')
      return { file, anchor }
    })
}

/** As the usual renderers make them. */
export function anchorsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map((match) =>
    (match[1] ?? '')
      .toLowerCase()
      .replace(/[^\w\s-]/g, '')
      .replace(/\s/g, '-'),
  )
}
