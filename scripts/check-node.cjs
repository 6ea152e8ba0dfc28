// Runs under whatever Node started npm; says plainly when it is too old to run TypeScript natively.
const major = Number(process.versions.node.split('.')[0])
if (major < 24) {
  console.error(
    `Ostiary runs on Node 24 or newer; this is ${process.version}.\n` +
      'On Linux (x64, arm64) and Windows (x64) npm brings the right Node along as an optional dependency:\n' +
      'run "npm ci" without --omit=optional. Elsewhere install Node 24 and run the command again.',
  )
  process.exit(1)
}
