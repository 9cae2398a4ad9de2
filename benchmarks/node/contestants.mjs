// The contestants from npm, at their defaults: how a message is published, and how a worker runs a handler.

import { Queue as BullQueue, Worker as BullWorker } from 'bullmq';
import { Queue as GroupQueue, Worker as GroupWorker } from 'groupmq';
import { Redis } from 'ioredis';

/** Connect to the server that the environment names; BullMQ refuses a connection that gives a command up. */
function connect() {
  const path = decodeURIComponent(process.env.BENCH_URL.slice('unix://'.length));
  return new Redis({ path, maxRetriesPerRequest: null });
}

/** No order: groups are a part of BullMQ Pro, which is sold. What is done is removed, as the others do. */
function bullmq() {
  return {
    publisher() {
      const connection = connect();
      const queue = new BullQueue('note', { connection, defaultJobOptions: { removeOnComplete: true } });
      return {
        ready: () => queue.waitUntilReady(),
        publish: (message) => queue.add('note', message),
        close: async () => {
          await queue.close();
          connection.disconnect();
        },
      };
    },
    async worker(handler, concurrency) {
      const connection = connect();
      const worker = new BullWorker('note', (job) => handler(job.data), { connection, concurrency, autorun: false });
      worker.on('error', (error) => console.error(error));
      await worker.waitUntilReady();
      return {
        start: () => worker.run(),
        close: async () => {
          await worker.close();
          connection.disconnect();
        },
      };
    },
  };
}

/** Order by group: a user is one. */
function groupmq() {
  const open = () => {
    const redis = connect();
    return { redis, queue: new GroupQueue({ redis, namespace: 'note' }) };
  };
  return {
    publisher() {
      const { redis, queue } = open();
      return {
        ready: () => redis.ping(),
        publish: (message) => queue.add({ groupId: `user:${message.user}`, data: message }),
        close: () => redis.disconnect(),
      };
    },
    async worker(handler, concurrency) {
      const { redis, queue } = open();
      await redis.ping();
      let worker;
      return {
        // it runs from its construction on
        start: () => {
          worker = new GroupWorker({ queue, concurrency, handler: (job) => handler(job.data) });
          worker.on('error', (error) => console.error(error));
        },
        close: async () => {
          await worker?.close();
          redis.disconnect();
        },
      };
    },
  };
}

export const contestants = { bullmq, groupmq };
