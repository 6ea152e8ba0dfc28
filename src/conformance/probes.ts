/** Everything that is asked, in this order. */
import type { Probe } from './probe.ts'
import { client } from './probes/client.ts'
import { metadata } from './probes/metadata.ts'
import { refusals } from './probes/refusals.ts'

export const PROBES: readonly Probe[] = [...metadata, ...refusals, ...client]
