import { expect } from 'chai'
import type { SqlInstance } from '../../support/backends.ts'

export function mailboxContract(instance: () => SqlInstance): void {
  it('keeps mails, newest first, until it is cleared', async () => {
    const { mailbox } = instance()
    const mail = {
      recipient: 'a@b.c',
      sender: 'Ostiary <o@b.c>',
      subject: 'Hello ü',
      text: 'x'.repeat(20_000),
      html: undefined,
    }
    const first = await mailbox.add(mail)
    const second = await mailbox.add({ ...mail, subject: 'Second', html: '<p>hi</p>' })
    expect(first).to.deep.include(mail)
    expect(await mailbox.find(first.id)).to.deep.equal(first)
    expect((await mailbox.list(10)).map(({ id }) => id)).to.deep.equal([second.id, first.id])
    expect(await mailbox.list(1)).to.deep.equal([second])
    expect(await mailbox.find('nonsense')).to.equal(undefined)
    await mailbox.clear()
    expect(await mailbox.list(10)).to.deep.equal([])
  })
}
