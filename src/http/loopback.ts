/** Evaluation mode shows mails and the administrator's link to whoever sits at the machine, and to nobody else. */
export function isLoopback(ip: string): boolean {
  return ip.startsWith('127.') || ip === '::1'
}
