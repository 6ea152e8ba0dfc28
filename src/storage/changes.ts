/** The port by which what is kept in memory learns that it changed, here or on another node. */

export const TOPICS = ['clients', 'keys', 'settings', 'resources'] as const
export type Topic = (typeof TOPICS)[number]

export interface Changes {
  /**
   * A number that grows with every committed change of the topic. What it is today was read from the store less than a
   * second ago, so whoever compares it before using a kept value is never further behind.
   */
  current(topic: Topic): number | Promise<number>
  /** Told of a change: the next caller asks the store. */
  expire(topic: Topic): void
}
