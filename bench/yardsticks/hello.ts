/** Yardstick 1: the least a Koa application can do with a GET, and with a POST whose body it reads. */
import Koa from 'koa'

const app = new Koa()
app.use(async (ctx) => {
  if (ctx.method === 'GET') {
    ctx.body = { hello: 'world' }
    return
  }
  let size = 0
  for await (const chunk of ctx.req) size += (chunk as Buffer).length
  ctx.body = { size }
})
const server = app.listen(Number(process.argv[2]), '127.0.0.1', () => process.send?.('ready'))
server.keepAliveTimeout = 65_000
process.on('disconnect', () => process.exit())
