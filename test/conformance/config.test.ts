import { config } from './checks/config.ts'
import { conform } from './harness/conform.ts'

conform('config', config)
