/** Reads `src/` as text: its files, what each imports, and its code without comments. For the architecture test. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('../..', import.meta.url))

export interface Import {
  /** as written */
  specifier: string
  /** path below `src/` when it is one of ours */
  target: string | undefined
  /** package name when it is a package: `koa`, `@koa/router` */
  package: string | undefined
  typeOnly: boolean
}

export interface SourceFile {
  /** below `src/`, with slashes: `http/app.ts` */
  path: string
  text: string
  /** text without comments */
  code: string
  imports: Import[]
}

/** Crude and sufficient: strings that hold `//` after a colon (URLs) stay, the rest of our comments go. */
export function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|[^:'"`])\/\/.*$/gm, '$1')
}

const STATEMENT = /^\s*(?:import|export)\s+(type\s+)?(?:[\w*{}\s,$]+?\s+from\s+)?['"]([^'"]+)['"]/gm
const DYNAMIC = /\bimport\(\s*['"]([^'"]+)['"]/g

function packageOf(specifier: string): string | undefined {
  if (specifier.startsWith('.') || specifier.startsWith('node:')) return undefined
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}

export function parseImports(path: string, code: string): Import[] {
  const found: [string, boolean][] = []
  for (const match of code.matchAll(STATEMENT)) found.push([match[2]!, match[1] !== undefined])
  for (const match of code.matchAll(DYNAMIC)) found.push([match[1]!, false])
  return found.map(([specifier, typeOnly]) => ({
    specifier,
    typeOnly,
    target: specifier.startsWith('.')
      ? normalize(join(dirname(path), specifier))
          .split(sep)
          .join('/')
      : undefined,
    package: packageOf(specifier),
  }))
}

export function parseSource(path: string, text: string): SourceFile {
  const code = withoutComments(text)
  return { path, text, code, imports: parseImports(path, code) }
}

/** Every TypeScript file below `src/`. */
export function readSourceTree(): SourceFile[] {
  const base = join(ROOT, 'src')
  return readdirSync(base, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath, entry.name))
    .map((file) => parseSource(relative(base, file).split(sep).join('/'), readFileSync(file, 'utf8')))
}
