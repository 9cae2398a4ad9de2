// `node worker.mjs NAME`: one worker process, held at the gate. What benchmarks/worker.py is under `dramatiq`.

import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { contestants } from './contestants.mjs';
import { Ledger } from './ledger.mjs';

const directory = process.env.BENCH_DIRECTORY;
const ledger = new Ledger(directory, { notesStarts: process.env.BENCH_STARTS === '1' });
const contestant = contestants[process.argv[2]]();
const worker = await contestant.worker((message) => ledger.handle(message), Number(process.env.BENCH_THREADS));

process.on('SIGTERM', async () => {
  await worker.close();
  ledger.close();
  process.exit(0);
});
fs.writeFileSync(path.join(directory, `${process.pid}.ready`), '');
while (!fs.existsSync(path.join(directory, 'go'))) {
  await sleep(1);
}
worker.start();
