/** What is handed to operators: the image's list of files really runs, and compose, Traefik and .env agree. */
import { spawn } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { SECRET_NAMES, SETTING_NAMES } from '../../src/config/schema.ts'
import { freePort } from '../support/child-service.ts'
import { startApp } from '../support/start-app.ts'
import { ROOT, readDoc } from './markdown.ts'

/** The YAML reader that mocha brings; the project itself has no use for one. */
const { load: parseYaml } = createRequire(createRequire(import.meta.url).resolve('mocha/package.json'))(
  'js-yaml',
) as { load(text: string): unknown }

interface Compose {
  services: Record<string, Service>
  networks: Record<string, { internal?: boolean; ipam?: { config: { subnet: string }[] } }>
  volumes: Record<string, unknown>
  secrets: Record<string, { file: string }>
}

interface Service {
  environment?: Record<string, string>
  ports?: string[]
  volumes?: string[]
  secrets?: string[]
  networks: string[] | Record<string, { ipv4_address: string }>
  healthcheck?: unknown
  depends_on?: Record<string, { condition: string }>
  read_only?: boolean
  cap_drop?: string[]
}

const dockerfile = readDoc('Dockerfile').replaceAll('\\\n', '')
const compose = parseYaml(readDoc('compose.yaml')) as Compose

interface Copy {
  from: string | undefined
  sources: string[]
  target: string
}

function copies(): Copy[] {
  return [...dockerfile.matchAll(/^COPY (?:--from=(\S+) )?(.+)$/gm)].map(([, from, rest = '']) => {
    const words = rest.trim().split(/\s+/)
    return { from, sources: words.slice(0, -1), target: words.at(-1) ?? '' }
  })
}

const own = copies().filter(({ from }) => from === undefined)

describe('the Dockerfile', () => {
  it('copies files that exist and that .dockerignore lets through', () => {
    const allowed = readDoc('.dockerignore')
      .split('\n')
      .filter((line) => line.startsWith('!'))
      .map((line) => line.slice(1))
    expect(readDoc('.dockerignore').split('\n')).to.include('*')
    const sources = own.flatMap((copy) => copy.sources)
    for (const source of sources) {
      expect(existsSync(join(ROOT, source)), source).to.equal(true)
      expect(allowed, source).to.include(source)
    }
    for (const path of allowed) expect(sources, `${path} is let through for nothing`).to.include(path)
  })

  it('ends without root and without a shell, and asks for readiness', () => {
    const last = dockerfile.slice(dockerfile.lastIndexOf('FROM '))
    expect(last).to.match(/^USER 65532:65532$/m)
    expect(last).to.match(/^ENV NODE_ENV=production$/m)
    expect(last).to.not.match(/^RUN /m)
    for (const line of last.match(/^(ENTRYPOINT|CMD|\s+CMD|HEALTHCHECK).*$/gm) ?? [])
      expect(line).to.match(/\["/)
    expect(last).to.include('/health/ready')
  })

  it('has all that the program needs: it starts from those files alone and its health check agrees', async function () {
    this.timeout(120_000)
    const folder = mkdtempSync(join(tmpdir(), 'ostiary-image-'))
    const port = await freePort()
    try {
      for (const { sources, target } of own)
        for (const source of sources)
          cpSync(
            join(ROOT, source),
            join(folder, target.endsWith('/') ? join(target, basename(source)) : target),
            { recursive: true },
          )
      symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
      const env = {
        PORT: String(port),
        SAMPLES_PORT: String(await freePort()),
        DATA_DIR: join(folder, 'data'),
      }
      const command: string[] = JSON.parse(/^CMD (\[.+\])$/m.exec(dockerfile)?.[1] ?? '[]')
      const child = spawn(process.execPath, command, { cwd: folder, env, stdio: 'ignore' })
      const ended = new Promise((resolve) => child.once('exit', resolve))
      try {
        const check = healthCheck()
        expect(check[0]).to.equal(/^ENTRYPOINT \["(.+)"\]$/m.exec(dockerfile)?.[1])
        let code = await exitCode(check.slice(1), env)
        for (let tries = 0; code !== 0 && tries < 100; tries += 1) {
          await sleep(200)
          code = await exitCode(check.slice(1), env)
        }
        expect(code).to.equal(0)
      } finally {
        child.kill('SIGTERM')
        await ended
      }
      expect(await exitCode(healthCheck().slice(1), env), 'nobody is there any more').to.equal(1)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})

function healthCheck(): string[] {
  return JSON.parse(/^HEALTHCHECK .*?CMD (\[.+\])$/m.exec(dockerfile)?.[1] ?? '[]') as string[]
}

function exitCode(args: string[], env: Record<string, string>): Promise<number | null> {
  return new Promise((resolve) => {
    spawn(process.execPath, args, { env, stdio: 'ignore' }).once('exit', resolve)
  })
}

describe('compose.yaml', () => {
  const { ostiary, traefik } = compose.services

  it('sets settings that exist, secrets as files only', () => {
    const names = Object.keys(ostiary?.environment ?? {})
    expect(names).to.include.members(['ISSUER', 'TRUSTED_PROXIES', 'MAIL_FROM', 'OSTIARY_SECRET_KEY_FILE'])
    const fromFiles = SECRET_NAMES.map((name) => `${name}_FILE`)
    for (const name of names) expect([...SETTING_NAMES, ...fromFiles]).to.include(name)
    for (const name of ['DATABASE_URL', 'SMTP_URL', 'OSTIARY_SECRET_KEY']) {
      expect(names).to.not.include(name)
      const path = ostiary?.environment?.[`${name}_FILE`] ?? ''
      expect(ostiary?.secrets).to.include(basename(path))
    }
  })

  it('defines every secret, network and volume that a service uses', () => {
    for (const [name, service] of Object.entries(compose.services)) {
      for (const secret of service.secrets ?? []) expect(compose.secrets, name).to.have.property(secret)
      const networks = Array.isArray(service.networks) ? service.networks : Object.keys(service.networks)
      for (const network of networks) expect(compose.networks, name).to.have.property(network)
      for (const volume of service.volumes ?? []) {
        const [source = ''] = volume.split(':')
        if (source.startsWith('./')) expect(existsSync(join(ROOT, source)), source).to.equal(true)
        else expect(compose.volumes, name).to.have.property(source)
      }
    }
  })

  it('publishes ports of the proxy only, and keeps the stores on a network without a way out', () => {
    for (const [name, { ports }] of Object.entries(compose.services))
      expect(ports ?? [], name).to.deep.equal(name === 'traefik' ? ['80:80', '443:443'] : [])
    expect(compose.networks.back?.internal).to.equal(true)
    for (const name of ['postgres', 'redis'])
      expect(compose.services[name]?.networks, name).to.deep.equal(['back'])
  })

  it('trusts the address of the proxy and no other', () => {
    const networks = traefik?.networks as Record<string, { ipv4_address: string }>
    const address = networks.front?.ipv4_address ?? ''
    expect(ostiary?.environment?.TRUSTED_PROXIES).to.equal(address)
    const subnet = compose.networks.front?.ipam?.config[0]?.subnet ?? ''
    expect(subnet.endsWith('.0/24')).to.equal(true)
    expect(address.startsWith(subnet.slice(0, -'0/24'.length))).to.equal(true)
  })

  it('waits for healthy stores and takes rights away', () => {
    for (const [name, { condition }] of Object.entries(ostiary?.depends_on ?? {})) {
      expect(condition).to.equal('service_healthy')
      expect(compose.services[name]?.healthcheck, name).to.be.an('object')
    }
    expect(ostiary?.read_only).to.equal(true)
    expect(ostiary?.cap_drop).to.deep.equal(['ALL'])
  })

  it('asks for the variables that .env.example gives', () => {
    const asked = [...readDoc('compose.yaml').matchAll(/\$\{(\w+)/g)].map((match) => match[1])
    const given = [...readDoc('.env.example').matchAll(/^(\w+)=/gm)].map((match) => match[1])
    expect(given).to.have.members([...new Set(asked)])
  })
})

describe('the Traefik configuration', () => {
  const fixed = parseYaml(readDoc('traefik/traefik.yml')) as {
    entryPoints: Record<string, { address: string; http?: { redirections?: { entryPoint: { to: string } } } }>
    certificatesResolvers: Record<string, unknown>
  }
  const dynamic = parseYaml(readDoc('traefik/dynamic.yml')) as {
    http: {
      routers: Record<
        string,
        {
          rule: string
          entryPoints: string[]
          middlewares: string[]
          service: string
          tls: { certResolver: string }
        }
      >
      middlewares: Record<string, unknown>
      services: Record<
        string,
        { loadBalancer: { servers: { url: string }[]; healthCheck: { path: string } } }
      >
    }
  }

  it('names entry points, middlewares, services and resolvers that exist', () => {
    for (const router of Object.values(dynamic.http.routers)) {
      for (const name of router.entryPoints) expect(fixed.entryPoints).to.have.property(name)
      for (const name of router.middlewares) expect(dynamic.http.middlewares).to.have.property(name)
      expect(dynamic.http.services).to.have.property(router.service)
      expect(fixed.certificatesResolvers).to.have.property(router.tls.certResolver)
    }
    expect(fixed.entryPoints.web?.http?.redirections?.entryPoint.to).to.equal('websecure')
  })

  it('leads to the port of the image, keeps health inside, and uses variables that compose sets', () => {
    const [, port = ''] = /^ENV PORT=(\d+)$/m.exec(dockerfile) ?? []
    const { ostiary } = dynamic.http.services
    expect(ostiary?.loadBalancer.servers).to.deep.equal([{ url: `http://ostiary:${port}` }])
    expect(ostiary?.loadBalancer.healthCheck.path).to.equal('/health/ready')
    expect(dynamic.http.routers.ostiary?.rule).to.include('!PathPrefix(`/health`)')
    const used = [...readDoc('traefik/dynamic.yml').matchAll(/env "(\w+)"/g)].map((match) => match[1] ?? '')
    for (const name of used) expect(compose.services.traefik?.environment).to.have.property(name)
  })
})

describe('config/clients.example.json', function () {
  this.timeout(90_000)
  const example = JSON.parse(readDoc('config/clients.example.json')) as { clients: Record<string, unknown>[] }

  async function failureOf(clients: Record<string, unknown>[]): Promise<Error | undefined> {
    const folder = mkdtempSync(join(tmpdir(), 'ostiary-clients-'))
    const file = join(folder, 'clients.json')
    writeFileSync(file, JSON.stringify({ clients }))
    try {
      const running = await startApp({ settings: { CLIENTS_FILE: file } })
      await running.close()
      return undefined
    } catch (error) {
      return error as Error
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }

  it('is refused as it stands, by a sentence that says how to make a secret', async () => {
    const error = await failureOf(example.clients)
    expect(error?.message).to.match(/"my-web-app".*openssl rand -base64 32/)
  })

  it('is accepted with secrets of one’s own', async () => {
    const clients = example.clients.map((client) => ({
      ...client,
      ...('client_secret' in client ? { client_secret: 'a-secret-of-ones-own-0123456789-0123456789' } : {}),
    }))
    expect(await failureOf(clients)).to.equal(undefined)
  })
})
