/** Notices by Redis pub/sub, heard on a connection of its own. Works alike on one server, Sentinel and Cluster. */
import type { Topic } from '../changes.ts'
import { keepLine, type Line, type Listener, Listeners, type Notices } from '../notices.ts'
import type { RedisConnection } from './connect.ts'

export class RedisNotices implements Notices {
  readonly #redis: RedisConnection
  readonly #channel: string
  readonly #listeners = new Listeners()
  readonly #line: { close(): Promise<void> }

  /** @param channel the same for all processes of a deployment, and no other's: channels know no databases */
  constructor(redis: RedisConnection, channel: string, onError: (error: Error) => void) {
    this.#redis = redis
    this.#channel = channel
    this.#line = keepLine((attempt) => this.#listen(attempt), onError)
  }

  publish(topic: Topic): void {
    void this.#send(topic).catch(() => {})
  }

  subscribe(listener: Listener): () => void {
    return this.#listeners.add(listener)
  }

  close(): Promise<void> {
    return this.#line.close()
  }

  /** A function of its own, because a Cluster that lost its slots throws instead of rejecting. */
  async #send(topic: Topic): Promise<void> {
    await this.#redis.client.publish(this.#channel, topic)
  }

  async #listen(attempt: number): Promise<Line> {
    const redis = this.#redis.listener(attempt)
    const ended = new Promise((resolve) => redis.once('end', resolve))
    // told by what rejects
    redis.on('error', () => {})
    redis.on('message', (_channel: string, topic: string) => this.#listeners.tell(topic))
    try {
      await redis.connect()
      await redis.subscribe(this.#channel)
    } catch (error) {
      redis.disconnect()
      throw error
    }
    this.#listeners.tellAll()
    return { ended, close: () => redis.disconnect() }
  }
}
