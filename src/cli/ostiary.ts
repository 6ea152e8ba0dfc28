/** `ostiary`: the command line's entry. `bin/ostiary` starts it on the Node it needs. */
import { runProgram } from './program.ts'

await runProgram(process.argv)
