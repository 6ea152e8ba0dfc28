/**
 * Loaded into a process before anything else (`--import`): its clock is wrong by CLOCK_SKEW_MS from the start, or, with
 * CLOCK_JUMPS=1, from the next SIGUSR2 on and right again from the one after it. The product knows the time by `Date`
 * alone, so this is what a wrong clock is to it; timers go on as they do on a real machine.
 */
const Right = Date
const skew = Number(process.env.CLOCK_SKEW_MS ?? 0)
let current = process.env.CLOCK_JUMPS === '1' ? 0 : skew
if (process.env.CLOCK_JUMPS === '1')
  process.on('SIGUSR2', () => {
    current = current === 0 ? skew : 0
  })

globalThis.Date = new Proxy(Right, {
  construct: (target, args) =>
    args.length === 0 ? new target(target.now() + current) : Reflect.construct(target, args),
  apply: (target) => new target(target.now() + current).toString(),
  get: (target, name) =>
    name === 'now' ? () => target.now() + current : (Reflect.get(target, name) as unknown),
})

export {}
