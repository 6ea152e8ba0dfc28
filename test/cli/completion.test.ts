/** `ostiary completion`: what it prints is tried in the shells that are here. */
import { spawnSync } from 'node:child_process'
import { expect } from 'chai'
import { ostiary } from '../support/command.ts'

const script = (shell: string) => ostiary({}, ['completion', shell]).stdout

/** What bash offers for the words so far. */
function offered(...words: string[]): string[] {
  const asked = `COMP_WORDS=(ostiary ${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length}`
  const { stdout, stderr, status } = spawnSync(
    'bash',
    ['--norc', '-c', `${script('bash')}\n${asked}\n_ostiary\necho "\${COMPREPLY[@]}"`],
    {
      encoding: 'utf8',
    },
  )
  expect([stderr, status]).to.deep.equal(['', 0])
  return stdout.trim().split(' ').filter(Boolean)
}

describe('ostiary completion', function () {
  this.timeout(60_000)

  it('bash: commands, subcommands and options, each where it belongs', () => {
    expect(offered('')).to.include.members(['user', 'client', 'doctor', '--help'])
    expect(offered('cl')).to.deep.equal(['client'])
    expect(offered('client', 'li')).to.have.members(['list', 'lint'])
    expect(offered('client', 'lint', 'web', '--s')).to.deep.equal(['--strict'])
    expect(offered('doctor', '--y')).to.deep.equal([])
  })

  it('zsh and fish have a script too, and no other shell', () => {
    expect(script('zsh'))
      .to.match(/compdef _ostiary ostiary\n$/)
      .and.to.include('"client lint") echo "--json')
    expect(script('fish')).to.include(
      `complete -c ostiary -n '_ostiary_at \\'client lint\\'' -l strict -d 'exit code 3 for warnings too'`,
    )
    const other = ostiary({}, ['completion', 'tcsh'])
    expect([other.status, other.stdout]).to.deep.equal([2, ''])
    expect(JSON.parse(ostiary({}, ['completion', 'bash', '--json']).stdout)).to.deep.include({
      shell: 'bash',
    })
  })
})
