// `node publisher.mjs NAME WORK`: publish a workload, one call a message, each awaited. What benchmarks/publisher.py is.

import { setTimeout as sleep } from 'node:timers/promises';

import { contestants } from './contestants.mjs';

const [name, encoded] = process.argv.slice(2);
const work = JSON.parse(encoded);
const publisher = contestants[name]().publisher();
await publisher.ready();

const interval_ms = work.rate_per_s ? 1000 / work.rate_per_s : 0;
const published_ns = [];
const started_ns = process.hrtime.bigint();
const sinceStart_ms = () => Number(process.hrtime.bigint() - started_ns) / 1e6;
for (let seq = 0; seq < work.messages_per_user; seq += 1) {
  for (let user = 0; user < work.users; user += 1) {
    if (interval_ms) {
      await sleep(Math.max(0, published_ns.length * interval_ms - sinceStart_ms()));
      published_ns.push(Number(process.hrtime.bigint()));
    }
    const { sleep_ms, tokens, token_ms } = work;
    await publisher.publish({ user, seq, sleep_ms, tokens, token_ms });
  }
}
const seconds = sinceStart_ms() / 1000;
await publisher.close();
console.log(JSON.stringify({ seconds, published_ns }));
process.exit(0); // whatever timers a library left
